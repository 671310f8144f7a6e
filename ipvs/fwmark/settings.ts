/** The kernel settings that IPVS needs in a namespace that translates. */
import type { Sysctl } from "../sysctl.js";

/** The first kernel on which a connection that reuses a port is scheduled anew without losing its first packet. */
const REUSE_WITHOUT_LOSS: readonly [number, number] = [5, 9];

/**
 * - `conntrack`: connection tracking knows the translated connections, for rules by state and source translation behind IPVS.
 * - `expire_nodest_conn`: connections to a removed destination end at once; without it UDP senders get EPERM for minutes.
 * - `expire_quiescent_template`: a draining destination gets no new connection by persistence either.
 * - `conn_reuse_mode`: a client that reuses the port of a finished connection. 1 schedules it anew, so that a draining
 *   destination gets none; before 5.9 that dropped the first packet and cost a second, and 0 is the lesser evil.
 *
 * @param release of the kernel, as `uname -r` says it
 */
export function ipvsSettings(release: string): readonly Sysctl[] {
  return [
    ["net/ipv4/vs/conntrack", "1"],
    ["net/ipv4/vs/expire_nodest_conn", "1"],
    ["net/ipv4/vs/expire_quiescent_template", "1"],
    ["net/ipv4/vs/conn_reuse_mode", isAtLeast(release, REUSE_WITHOUT_LOSS) ? "1" : "0"],
  ];
}

function isAtLeast(release: string, [major, minor]: readonly [number, number]): boolean {
  const [, foundMajor, foundMinor] = /^(\d+)\.(\d+)/.exec(release) ?? [];
  return Number(foundMajor) > major || (Number(foundMajor) === major && Number(foundMinor) >= minor);
}
