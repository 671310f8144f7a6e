/**
 * Notices of change from the kernel. They say when and where to look, never what is: a notice may be lost, and then
 * `wait` answers "overrun" and everything wants looking at.
 *
 * `wait` blocks its thread: it belongs in a Worker that does nothing else.
 */
import { SOL_NETLINK, setsockoptInt } from "../libc.js";
import { NETLINK_ADD_MEMBERSHIP, NETLINK_ROUTE } from "../netlink/constants.js";
import { NetlinkOverrunError } from "../netlink/errors.js";
import { type NetlinkMessage, parseMessages } from "../netlink/message-reader.js";
import { type NetlinkTransport, openKernelTransport } from "../netlink/transport.js";
import * as rt from "./constants.js";

export type ChangedObject = "link" | "address" | "route" | "rule" | "neighbour";

export interface ChangeNotice {
  readonly object: ChangedObject;
  readonly removed: boolean;
  /** AF_INET, AF_INET6, AF_BRIDGE (a forwarding entry or a bridge's port) or 0 (a link). */
  readonly family: number;
  /** Of the link concerned; absent for routes and rules. */
  readonly linkIndex?: number;
}

const GROUPS: Readonly<Record<ChangedObject, readonly number[]>> = {
  link: [rt.RTNLGRP_LINK],
  address: [rt.RTNLGRP_IPV4_IFADDR, rt.RTNLGRP_IPV6_IFADDR],
  route: [rt.RTNLGRP_IPV4_ROUTE, rt.RTNLGRP_IPV6_ROUTE],
  rule: [rt.RTNLGRP_IPV4_RULE],
  neighbour: [rt.RTNLGRP_NEIGH],
};

const RECEIVE_BYTES = 64 * 1024;
/** Datagrams taken in one `wait`: bounds its answer. */
const DATAGRAMS_AT_ONCE = 256;

export class RouteMonitor implements Disposable {
  readonly #transport: NetlinkTransport;
  readonly #buffer = Buffer.allocUnsafeSlow(RECEIVE_BYTES);

  constructor(transport: NetlinkTransport) {
    this.#transport = transport;
  }

  /** Listens in the thread's current network namespace, from now on. @throws SystemCallError */
  static open(objects: readonly ChangedObject[]): RouteMonitor {
    const transport = openKernelTransport(NETLINK_ROUTE);
    try {
      for (const group of objects.flatMap((object) => GROUPS[object])) {
        setsockoptInt(transport.fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, group);
      }
      return new RouteMonitor(transport);
    } catch (error) {
      transport.close();
      throw error;
    }
  }

  /**
   * Waits for notices and takes those that are there, up to a bound; more come with the next call.
   * @returns none when the time is over, "overrun" when the kernel dropped some
   * @throws SystemCallError, NetlinkFormatError
   */
  wait(timeoutMs: number): readonly ChangeNotice[] | "overrun" {
    if (!this.#transport.wait(timeoutMs)) return [];
    const notices: ChangeNotice[] = [];
    for (let count = 0; count < DATAGRAMS_AT_ONCE; count++) {
      const length = this.#receive();
      if (length === undefined) return notices;
      if (length > this.#buffer.length) return "overrun";
      for (const message of parseMessages(this.#buffer.subarray(0, length))) {
        const notice = parseChangeNotice(message);
        if (notice) notices.push(notice);
      }
    }
    return notices;
  }

  close(): void {
    this.#transport.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** @returns Infinity when the kernel dropped notices */
  #receive(): number | undefined {
    try {
      return this.#transport.receive(this.#buffer);
    } catch (error) {
      if (error instanceof NetlinkOverrunError) return Number.POSITIVE_INFINITY;
      throw error;
    }
  }
}

const OBJECTS: Readonly<Record<number, readonly [object: ChangedObject, removed: boolean]>> = {
  [rt.RTM_NEWLINK]: ["link", false],
  [rt.RTM_DELLINK]: ["link", true],
  [rt.RTM_NEWADDR]: ["address", false],
  [rt.RTM_DELADDR]: ["address", true],
  [rt.RTM_NEWROUTE]: ["route", false],
  [rt.RTM_DELROUTE]: ["route", true],
  [rt.RTM_NEWNEIGH]: ["neighbour", false],
  [rt.RTM_DELNEIGH]: ["neighbour", true],
  [rt.RTM_NEWRULE]: ["rule", false],
  [rt.RTM_DELRULE]: ["rule", true],
};

/** @returns undefined for a message of another kind. Links, addresses and neighbours all have their link's index at byte 4. */
export function parseChangeNotice({ type, payload }: NetlinkMessage): ChangeNotice | undefined {
  const known = OBJECTS[type];
  if (!known || payload.length < 8) return undefined;
  const [object, removed] = known;
  const family = payload.readUInt8(0);
  return object === "route" || object === "rule"
    ? { object, removed, family }
    : { object, removed, family, linkIndex: payload.readInt32LE(4) };
}
