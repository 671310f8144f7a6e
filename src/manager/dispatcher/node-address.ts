import { isIP } from "node:net";
import type { Caller } from "../../security/identity.js";
import type { StoreReader } from "../../store/reader.js";

/** The address of a node that calls, without port; one that came over a manager's unix socket is on the same host. */
export function addressOf({ peer, forwardedBy }: Caller, read: StoreReader, managerAddress: string): string {
  const host = hostOf(peer);
  if (isIP(host)) return host;
  return hostOf(read.get("node", forwardedBy ?? "")?.managerStatus?.addr || managerAddress);
}

function hostOf(address: string): string {
  return address
    .replace(/^(?:ipv[46]:)?\[?/, "")
    .replace(/\]?:\d+$/, "")
    .replace(/^::ffff:/, "");
}
