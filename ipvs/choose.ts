/** Which driver works on this kernel. */
import { IpvsSocket } from "../native-bindings/ipvs/socket.js";
import { RouteSocket, setLink } from "../native-bindings/route/index.js";
import { inNewNetworkNamespace } from "../native-bindings/thread-namespace.js";
import { findIptables, type IptablesCommands, type IptablesFlavour } from "../netns/packet-filter/iptables-command.js";
import { closePending } from "./deferred-close.js";
import { FwmarkLoadBalancer } from "./fwmark/driver.js";
import { type LoadBalancer, MARK_MIN, type VirtualService } from "./load-balancer.js";
import { NftablesLoadBalancer } from "./nftables/driver.js";

export type LoadBalancerName = LoadBalancer["name"];

/** What was tried and cannot be used, and why. */
export interface RefusedDriver {
  readonly name: LoadBalancerName;
  readonly reason: string;
}

export type LoadBalancerChoice =
  | {
      readonly name: LoadBalancerName;
      /** With `ipvs`: the iptables that sets the marks. */
      readonly iptables?: IptablesFlavour;
      readonly refused: readonly RefusedDriver[];
      /** A driver for one namespace: every namespace needs its own. */
      create(): LoadBalancer;
    }
  | { readonly name: "none"; readonly refused: readonly RefusedDriver[] };

const PREFERENCE: readonly LoadBalancerName[] = ["ipvs", "nftables"];
const FLAVOURS: readonly IptablesFlavour[] = ["nft", "legacy"];

/** Uses every part that a kernel may lack: both ways in, a refusal, unequal weights. */
const PROBE: readonly VirtualService[] = [
  {
    id: "probe/callable",
    mark: MARK_MIN,
    virtual: { address: "10.0.0.1", sourceAddress: "127.0.0.1" },
    published: [{ protocol: "udp", port: 1 }],
    destinations: [
      { address: "10.0.0.2", weight: 1 },
      { address: "10.0.0.3", weight: 2 },
    ],
  },
  { id: "probe/empty", mark: MARK_MIN + 1, published: [{ protocol: "tcp", port: 1 }], destinations: [] },
];

/**
 * Tries IPVS with each flavour of iptables, then nf_tables, by real work in a namespace that is made for it and goes with it.
 * @param only this driver or none
 */
export function chooseLoadBalancer(options: { readonly only?: LoadBalancerName } = {}): LoadBalancerChoice {
  const refused: RefusedDriver[] = [];
  for (const name of options.only ? [options.only] : PREFERENCE) {
    const choice = name === "ipvs" ? tryIpvs() : tryDriver(() => new NftablesLoadBalancer({ balancesIpv6: false }));
    if (typeof choice !== "string") return { name, refused, ...choice };
    refused.push({ name, reason: choice });
  }
  return { name: "none", refused };
}

interface Working {
  readonly create: () => LoadBalancer;
  readonly iptables?: IptablesFlavour;
}

/** @returns the driver, or why it cannot be used */
function tryIpvs(): Working | string {
  if (!hasIpvs()) return "the kernel has no IPVS (module ip_vs)";
  const reasons: string[] = [];
  for (const flavour of FLAVOURS) {
    const commands = findIptables(flavour);
    const working = typeof commands === "string" ? commands : tryFlavour(commands);
    if (typeof working !== "string") return working;
    reasons.push(`with iptables-${flavour}: ${working}`);
  }
  return reasons.join("; ");
}

function tryFlavour(commands: IptablesCommands): Working | string {
  const working = tryDriver(() => new FwmarkLoadBalancer(commands, { balancesIpv6: false }));
  return typeof working === "string" ? working : { ...working, iptables: commands.flavour };
}

function hasIpvs(): boolean {
  using socket = IpvsSocket.open();
  return socket !== undefined;
}

function tryDriver(create: () => LoadBalancer): Working | string {
  try {
    return inNewNetworkNamespace(() => {
      raiseLoopback();
      const driver = create();
      driver.apply(PROBE);
      const faults = driver.observe(PROBE).filter(({ state }) => state !== "present");
      driver.clear();
      if (faults.length === 0) return { create };
      return `what was written reads back otherwise: ${faults.map(({ part, state }) => `${part} ${state}`).join(", ")}`;
    });
  } catch (error) {
    if (error instanceof Error) return error.message;
    throw error;
  } finally {
    closePending();
  }
}

function raiseLoopback(): void {
  using socket = RouteSocket.open();
  socket.execute(setLink({ name: "lo" }, { up: true }));
}
