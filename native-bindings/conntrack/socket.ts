/**
 * Tracked connections of the namespace in which the socket was opened.
 *
 * A translated UDP flow keeps its backend as long as its entry lives, so the entries of a removed backend are deleted:
 * the next packet of the client is then translated anew.
 */
import { NETLINK_NETFILTER } from "../netlink/constants.js";
import type { NetlinkError } from "../netlink/errors.js";
import { MessageWriter } from "../netlink/message-writer.js";
import { NetlinkSocket } from "../netlink/socket.js";
import { CT_DELETE, CT_GET, IPPROTO_UDP } from "./constants.js";
import {
  agrees,
  type ConntrackEntry,
  type ConntrackFilter,
  type ConntrackKey,
  parseConntrackEntry,
  writeConntrackDump,
  writeConntrackFlush,
  writeConntrackKey,
} from "./entry.js";
import { describeTuple } from "./tuple.js";

/** Looks for entries that came while others were deleted. */
const MATCHING_ROUNDS = 4;
const DELETIONS_AT_ONCE = 2000;

export interface BackendEntries {
  /** Address of the backend. */
  readonly address: string;
  /** The backend's port; every port when absent. */
  readonly port?: number;
  /** IP protocol numbers; UDP only when absent: TCP notices by itself that its backend is gone. */
  readonly protocols?: readonly number[];
  /** Only flows whose client asked for this address (a VIP); every one when absent. */
  readonly askedAddress?: string;
}

export interface DeletedEntries {
  readonly deleted: number;
  /** Matching entries that were found on the last look; 0 unless they come faster than they are deleted. */
  readonly left: number;
}

/** Every method throws NetlinkError when the kernel refuses and NetlinkTransportError when it does not answer. */
export class ConntrackSocket implements Disposable {
  readonly #netlink: NetlinkSocket;

  constructor(netlink: NetlinkSocket) {
    this.#netlink = netlink;
  }

  /** Opens a socket in the thread's current network namespace; it stays there. @throws SystemCallError */
  static open(): ConntrackSocket {
    return new ConntrackSocket(NetlinkSocket.open(NETLINK_NETFILTER));
  }

  close(): void {
    this.#netlink.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  entries(filter?: ConntrackFilter): ConntrackEntry[] {
    const messages = this.#netlink.dump("list tracked connections", (writer) => {
      writer.begin(CT_GET, 0);
      writeConntrackDump(writer, filter);
      writer.end();
    });
    const entries = messages.map((message) => parseConntrackEntry(message.payload));
    return filter ? entries.filter((entry) => agrees(entry, filter)) : entries;
  }

  /** @returns false when there was no such connection */
  delete(key: ConntrackKey): boolean {
    return this.#deleteAll([key]) === 1;
  }

  /** Forgets every connection of the family, or only those whose mark agrees with `value` in the bits of `mask`. */
  flush(family: number, mark?: ConntrackFilter["mark"]): void {
    this.#netlink.request("flush tracked connections", (writer) => {
      writer.begin(CT_DELETE, 0);
      writeConntrackFlush(writer, family, mark);
      writer.end();
    });
  }

  /**
   * Deletes the entries that match, and looks again for such as came meanwhile, a bounded number of times.
   * @param filter what the kernel can sort out; `matches` decides
   */
  deleteMatching(matches: (entry: ConntrackEntry) => boolean, filter?: ConntrackFilter): DeletedEntries {
    let deleted = 0;
    for (let round = 0; ; round++) {
      const found = this.entries(filter).filter(matches);
      if (found.length === 0 || round === MATCHING_ROUNDS) return { deleted, left: found.length };
      deleted += this.#deleteAll(found);
    }
  }

  /** Deletes the entries whose answers come from the backend: call it once no new flow is led there. */
  deleteToBackend(backend: BackendEntries): DeletedEntries {
    const { address, port, askedAddress, protocols = [IPPROTO_UDP] } = backend;
    let [deleted, left] = [0, 0];
    for (const protocol of protocols) {
      const done = this.deleteMatching(
        ({ original, reply }) =>
          reply.source === address &&
          reply.protocol === protocol &&
          (port === undefined || reply.sourcePort === port) &&
          (askedAddress === undefined || original.destination === askedAddress),
        {
          reply: { source: address, protocol, ...(port === undefined ? {} : { sourcePort: port }) },
          ...(askedAddress === undefined ? {} : { original: { destination: askedAddress } }),
        },
      );
      deleted += done.deleted;
      left += done.left;
    }
    return { deleted, left };
  }

  /** @returns how many were there; one that has gone by itself is no failure */
  #deleteAll(keys: readonly ConntrackKey[]): number {
    let gone = 0;
    for (let start = 0; start < keys.length; start += DELETIONS_AT_ONCE) {
      const some = keys.slice(start, start + DELETIONS_AT_ONCE);
      const writer = new MessageWriter(some.length * 128);
      for (const key of some) {
        writer.begin(CT_DELETE, 0);
        writeConntrackKey(writer, key);
        writer.end();
      }
      const failures = this.#netlink.batch(writer, (index) => `delete ${describeTuple(some[index]!.original)}`);
      gone += [...failures.values()].filter(isMissing).length;
    }
    return keys.length - gone;
  }
}

/** @returns true for ENOENT. @throws any other error */
function isMissing(error: NetlinkError): boolean {
  if (error.code !== "ENOENT") throw error;
  return true;
}
