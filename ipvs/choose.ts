/** Which driver works on this kernel. */
import { IpvsSocket } from "../native-bindings/ipvs/socket.js";
import { RouteSocket, setLink } from "../native-bindings/route/index.js";
import { inNewNetworkNamespace } from "../native-bindings/thread-namespace.js";
import { findIptables, type IptablesCommands, type IptablesFlavour } from "../netns/packet-filter/iptables-command.js";
import { kernelHasIpv6 } from "../netns/packet-filter/kernel-families.js";
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
      readonly balancesIpv6: boolean;
      /** Why not, where it does not balance IPv6. */
      readonly ipv6Refusal?: string;
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

const PROBE_IPV6: readonly VirtualService[] = [
  {
    id: "probe/callable",
    mark: MARK_MIN,
    virtual: { address: "fd00::1", sourceAddress: "::1" },
    published: [],
    destinations: [
      { address: "fd00::2", weight: 1 },
      { address: "fd00::3", weight: 2 },
    ],
  },
  {
    id: "probe/empty",
    mark: MARK_MIN + 1,
    virtual: { address: "fd00::4", sourceAddress: "::1" },
    published: [],
    destinations: [],
  },
];

/**
 * Tries IPVS with each flavour of iptables, then nf_tables, by real work in a namespace that is made for it and goes with it.
 * @param only this driver or none
 */
export function chooseLoadBalancer(options: { readonly only?: LoadBalancerName } = {}): LoadBalancerChoice {
  const refused: RefusedDriver[] = [];
  for (const name of options.only ? [options.only] : PREFERENCE) {
    const choice = name === "ipvs" ? tryIpvs() : tryDriver((families) => new NftablesLoadBalancer(families));
    if (typeof choice !== "string") return { name, refused, ...choice };
    refused.push({ name, reason: choice });
  }
  return { name: "none", refused };
}

type Families = Pick<LoadBalancer, "balancesIpv6">;

interface Working extends Families {
  readonly create: () => LoadBalancer;
  readonly iptables?: IptablesFlavour;
  readonly ipv6Refusal?: string;
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
  const working = tryDriver((families) => new FwmarkLoadBalancer(commands, families));
  return typeof working === "string" ? working : { ...working, iptables: commands.flavour };
}

function hasIpvs(): boolean {
  using socket = IpvsSocket.open();
  return socket !== undefined;
}

/** A driver that balances IPv4 works; IPv6 is something more. */
function tryDriver(make: (families: Families) => LoadBalancer): Working | string {
  const refusal = tryServices(make({ balancesIpv6: false }), PROBE);
  if (refusal !== undefined) return refusal;
  const ipv6Refusal = kernelHasIpv6()
    ? tryServices(make({ balancesIpv6: true }), PROBE_IPV6)
    : "this kernel has no IPv6";
  const families = { balancesIpv6: ipv6Refusal === undefined };
  return { ...families, create: () => make(families), ...(ipv6Refusal === undefined ? {} : { ipv6Refusal }) };
}

/** @returns why the driver cannot carry them */
function tryServices(driver: LoadBalancer, services: readonly VirtualService[]): string | undefined {
  try {
    return inNewNetworkNamespace(() => {
      raiseLoopback();
      driver.apply(services);
      const faults = driver.observe(services).filter(({ state }) => state !== "present");
      driver.clear();
      if (faults.length === 0) return undefined;
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
