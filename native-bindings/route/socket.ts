/** Links, addresses, routes, rules, neighbours and forwarding entries of the namespace in which the socket was opened. */
import { NETLINK_ROUTE } from "../netlink/constants.js";
import { NetlinkError } from "../netlink/errors.js";
import { MessageWriter } from "../netlink/message-writer.js";
import { NetlinkSocket } from "../netlink/socket.js";
import { type Address, type AddressFilter, parseAddress, writeAddressDump } from "./address.js";
import * as rt from "./constants.js";
import { type FdbEntry, type FdbFilter, parseFdbEntry, writeFdbDump } from "./fdb.js";
import { type Link, type LinkFilter, type LinkId, parseLink, writeLinkDump, writeLinkId } from "./link.js";
import { describeLinkId } from "./link-operations.js";
import { parseNamespaceId, writeNamespaceId } from "./namespace-id.js";
import { type Neighbour, type NeighbourFilter, parseNeighbour, writeNeighbourDump } from "./neighbour.js";
import type { RouteOperation } from "./operation.js";
import { parseRoute, type Route, type RouteFilter, type RouteQuery, writeRouteDump, writeRouteQuery } from "./route.js";
import { parseRule, type Rule, writeRuleDump } from "./rule.js";

/** Operations written before they are sent: bounds the memory of a large list. */
const OPERATIONS_AT_ONCE = 2000;

/** Every method throws NetlinkError when the kernel refuses and NetlinkTransportError when it does not answer. */
export class RouteSocket implements Disposable {
  readonly #netlink: NetlinkSocket;
  readonly #writer = new MessageWriter(64 * 1024);

  constructor(netlink: NetlinkSocket) {
    this.#netlink = netlink;
  }

  /** Opens a socket in the thread's current network namespace; it stays there. @throws SystemCallError */
  static open(): RouteSocket {
    return new RouteSocket(NetlinkSocket.open(NETLINK_ROUTE));
  }

  close(): void {
    this.#netlink.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** Does one operation. */
  execute(operation: RouteOperation): void {
    this.#writer.reset();
    operation.write(this.#writer);
    const error = this.#netlink.batch(this.#writer, operation.describe).get(0);
    if (error) throw error;
  }

  /**
   * Does many operations in their order, hundreds to a system call. One that is refused does not keep the rest from
   * being done.
   * @returns the refusals by the operation's place in the list; empty when all went well
   * @throws RangeError for an operation that cannot be written; those before it may then be done
   */
  executeAll(operations: readonly RouteOperation[]): Map<number, NetlinkError> {
    const failures = new Map<number, NetlinkError>();
    for (let start = 0; start < operations.length; start += OPERATIONS_AT_ONCE) {
      const end = Math.min(start + OPERATIONS_AT_ONCE, operations.length);
      this.#writer.reset();
      for (let index = start; index < end; index++) operations[index]!.write(this.#writer);
      const refused = this.#netlink.batch(this.#writer, (index) => operations[start + index]!.describe());
      for (const [index, error] of refused) failures.set(start + index, error);
    }
    return failures;
  }

  links(filter: LinkFilter = {}): Link[] {
    const { kind, master, ipv6 } = filter;
    const links = this.#dump(
      "list links",
      rt.RTM_GETLINK,
      (writer) => writeLinkDump(writer, filter),
      (payload) => parseLink(payload, ipv6),
    );
    // A kernel that has never heard of the kind does not filter by it.
    return links.filter(
      (link) => (kind === undefined || link.kind === kind) && (master === undefined || link.master === master),
    );
  }

  /** @returns undefined when there is no such link */
  link(id: LinkId): Link | undefined {
    try {
      return this.#get(
        `look at ${describeLinkId(id)}`,
        rt.RTM_GETLINK,
        (writer) => writeLinkId(writer, id, true),
        (payload) => parseLink(payload),
      );
    } catch (error) {
      if (error instanceof NetlinkError && error.code === "ENODEV") return undefined;
      throw error;
    }
  }

  /** @throws NetlinkError ENODEV when there is no such link */
  linkIndex(name: string): number {
    return this.#get(`look at link ${name}`, rt.RTM_GETLINK, (writer) => writeLinkId(writer, { name }, true), parseLink)
      .index;
  }

  addresses(filter?: AddressFilter): Address[] {
    return this.#dump("list addresses", rt.RTM_GETADDR, (writer) => writeAddressDump(writer, filter), parseAddress);
  }

  /** A table that does not exist has no routes. */
  routes(filter?: RouteFilter): Route[] {
    try {
      return this.#dump("list routes", rt.RTM_GETROUTE, (writer) => writeRouteDump(writer, filter), parseRoute);
    } catch (error) {
      if (filter?.table !== undefined && error instanceof NetlinkError && error.code === "ENOENT") return [];
      throw error;
    }
  }

  /** How the kernel would send a packet. @throws NetlinkError ENETUNREACH, EHOSTUNREACH … when it would not */
  routeTo(query: RouteQuery): Route {
    return this.#get(
      `find the route to ${query.destination}`,
      rt.RTM_GETROUTE,
      (writer) => writeRouteQuery(writer, query),
      parseRoute,
    );
  }

  /** @param family AF_INET when absent */
  rules(family?: number): Rule[] {
    return this.#dump("list rules", rt.RTM_GETRULE, (writer) => writeRuleDump(writer, family), parseRule);
  }

  neighbours(filter?: NeighbourFilter): Neighbour[] {
    return this.#dump(
      "list neighbours",
      rt.RTM_GETNEIGH,
      (writer) => writeNeighbourDump(writer, filter),
      parseNeighbour,
    );
  }

  fdb(filter?: FdbFilter): FdbEntry[] {
    return this.#dump("list FDB entries", rt.RTM_GETNEIGH, (writer) => writeFdbDump(writer, filter), parseFdbEntry);
  }

  /** @returns the id of the namespace behind `fd` in this socket's namespace, -1 when it has none */
  namespaceId(fd: number): number {
    return this.#get(
      `look for the id of the namespace of descriptor ${fd}`,
      rt.RTM_GETNSID,
      (writer) => writeNamespaceId(writer, fd),
      parseNamespaceId,
    );
  }

  #dump<T>(
    operation: string,
    type: number,
    write: (writer: MessageWriter) => void,
    parse: (payload: Buffer) => T,
  ): T[] {
    const messages = this.#netlink.dump(operation, (writer) => {
      writer.begin(type, 0);
      write(writer);
      writer.end();
    });
    return messages.map((message) => parse(message.payload));
  }

  #get<T>(operation: string, type: number, write: (writer: MessageWriter) => void, parse: (payload: Buffer) => T): T {
    const [reply] = this.#netlink.request(operation, (writer) => {
      writer.begin(type, 0);
      write(writer);
      writer.end();
    });
    // An acknowledgement without an answer cannot be read as one: an empty payload fails the parser's length check.
    return parse(reply?.payload ?? Buffer.alloc(0));
  }
}
