/** The way to every manager that this node knows. */
import { LocalNodeState } from "../../../api/generated/tswarm/v1/node.js";
import { listed } from "./files.js";
import { fail, pass, type SecurityProbe, unknown } from "./probe.js";
import type { ManagerReply, SecurityWorld } from "./world.js";

/** More managers than a swarm has. */
const MAX_ASKED = 20;
/** Beyond it times in logs and of renewals are wrong; certificates are dated back by an hour. */
const MAX_SKEW_MS = 30_000;
/** What a date to a second, and the way, may make of none. */
const BLUR_MS = 2000;

export const managersReachable: SecurityProbe = {
  name: "TLS to managers",
  describe: "each known manager answers, proves itself by the swarm's root, and takes this node's certificate",
  remedy: "see to the way there (port 2377/tcp), to the clocks, and that the manager's certificate has not expired",
  probe: async (world) => {
    const replies = await askAll(world);
    if (replies.length === 0) return undefined;
    const faults = replies.filter(([, { outcome }]) => outcome !== "answered");
    if (faults.length === 0) return pass(`${replies.length} of ${replies.length} managers`);
    return fail(listed(faults.map(([address, { reason }]) => `${address}: ${reason}`)));
  },
};

export const clock: SecurityProbe = {
  name: "clock",
  describe: "this host's clock and the managers' agree: certificates are valid by it",
  remedy: "let the hosts keep time (systemd-timesyncd, chrony)",
  probe: async (world) => {
    const replies = await askAll(world);
    if (replies.length === 0) return undefined;
    const skews = replies.flatMap(([address, { skewMs }]) => (skewMs === undefined ? [] : [{ address, skewMs }]));
    if (skews.length === 0) return unknown("no manager says what time it is");
    const worst = skews.reduce((a, b) => (Math.abs(b.skewMs) > Math.abs(a.skewMs) ? b : a));
    const seconds = Math.round(Math.abs(worst.skewMs) / 1000);
    const text = `${worst.address} is ${seconds} s ${worst.skewMs > 0 ? "ahead" : "behind"}`;
    if (Math.abs(worst.skewMs) > MAX_SKEW_MS) return fail(text);
    return pass(Math.abs(worst.skewMs) <= BLUR_MS ? "no difference that can be seen" : text);
  },
};

/** Asked once for both probes. */
const asked = new WeakMap<SecurityWorld, Promise<(readonly [address: string, ManagerReply])[]>>();

function askAll(world: SecurityWorld): Promise<(readonly [address: string, ManagerReply])[]> {
  const { managers = [], nodeId = "", state } = world.info ?? {};
  // A locked manager serves nobody, and this node knows that its own is one.
  const serving = managers.filter((one) => state !== LocalNodeState.NODE_LOCKED || one.nodeId !== nodeId);
  const addresses = [...new Set(serving.map(({ addr }) => addr))].slice(0, MAX_ASKED);
  const known =
    asked.get(world) ??
    Promise.all(addresses.map(async (address) => [address, await world.ask(address, "root", "agent")] as const));
  asked.set(world, known);
  return known;
}
