/** What the host's own network means for overlays. The calling thread must be in the host's namespace. */
import { readFileSync } from "node:fs";
import { AF_INET, AF_INET6 } from "../native-bindings/libc.js";
import { RouteSocket } from "../native-bindings/route/index.js";
import type { UnderlayPath } from "./mtu.js";

const FILTER_SETTING = "/proc/sys/net/bridge/bridge-nf-call-iptables";

/**
 * The way to another node's tunnel address, or, given an own address, the link that has it.
 * @throws NetlinkError ENETUNREACH when there is no way
 */
export function underlayPath(address: string): UnderlayPath {
  using socket = RouteSocket.open();
  const route = socket.routeTo({ destination: address });
  const index = route.type === "local" ? linkWith(socket, address) : route.linkIndex;
  const link = index === undefined ? undefined : socket.link({ index });
  const limits = [route.mtu, link?.mtu].filter((mtu) => mtu !== undefined && mtu > 0);
  const family = address.includes(":") ? 6 : 4;
  return { family, ...(limits.length === 0 ? {} : { mtu: Math.min(...(limits as number[])) }) };
}

/** @returns whether IPv4 frames between ports of a bridge go through the packet filter (br_netfilter) */
export function bridgedFramesAreFiltered(): boolean {
  try {
    return readFileSync(FILTER_SETTING, "utf8").trim() === "1";
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
    throw error;
  }
}

function linkWith(socket: RouteSocket, address: string): number | undefined {
  return socket.addresses({ family: address.includes(":") ? AF_INET6 : AF_INET }).find((one) => one.address === address)
    ?.linkIndex;
}
