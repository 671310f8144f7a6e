/**
 * nf_tables of the network namespace in which the socket was opened.
 *
 * A transaction is one datagram. The kernel queues its answers before `sendto` returns: an error for every message it refuses
 * (then nothing is changed), or the acknowledgement of the last one. An error of the commit itself carries the number of the
 * batch's first message and comes beside that acknowledgement.
 */
import {
  encodeNetlinkAddress,
  MSG_DONTWAIT,
  MSG_TRUNC,
  pollInput,
  recv,
  SO_RCVBUFFORCE,
  SO_SNDBUFFORCE,
  SOL_SOCKET,
  sendto,
  setsockoptInt,
} from "../libc.js";
import { NETLINK_NETFILTER, NLMSG_ERROR } from "../netlink/constants.js";
import { type NetlinkError, NetlinkTransportError } from "../netlink/errors.js";
import { type NetlinkMessage, parseMessages } from "../netlink/message-reader.js";
import type { MessageWriter } from "../netlink/message-writer.js";
import { NetlinkSocket, parseAcknowledgement } from "../netlink/socket.js";
import { beginNftMessage, type NftBatch } from "./batch.js";
import * as nft from "./constants.js";
import { NftTransactionError } from "./errors.js";
import { parseChain, parseElements, parseGeneration, parseRule, parseSet, parseTable } from "./object-reader.js";
import type { Chain, Family, Rule, SetDefinition, SetElement, Table, TableId } from "./objects.js";

const KERNEL = encodeNetlinkAddress(0, 0);
/** What NetlinkSocket asks for when it opens; only larger batches need more. */
const DEFAULT_BUFFER_BYTES = 8 * 1024 * 1024;
/** Kernel memory that one queued error takes, rounded up. */
const QUEUED_ERROR_BYTES = 1024;
const ANSWER_TIMEOUT_MS = 2000;
const RESIZING_TRIES = 100;
const RESIZING_PAUSE_MS = 1;
/** Longer than the kernel's grace period. */
const GRACE_MS = 50;
/** Sockets that wait to be closed; beyond these all are closed, which waits for one grace period altogether. */
const MAX_CLOSING = 256;
const closing = new Set<NetlinkSocket>();

/** Errors are capped to the header of what failed, plus a text: one fits many times over. */
const receiveBuffer = Buffer.allocUnsafeSlow(64 * 1024);

export class NftSocket implements Disposable {
  readonly #netlink: NetlinkSocket;
  #sequence = 1;
  #removedAtMs = Number.NEGATIVE_INFINITY;
  #sendBufferBytes = DEFAULT_BUFFER_BYTES;
  #receiveBufferBytes = DEFAULT_BUFFER_BYTES;

  private constructor(netlink: NetlinkSocket) {
    this.#netlink = netlink;
  }

  /** Opens a socket in the thread's current network namespace. @throws SystemCallError */
  static open(): NftSocket {
    return new NftSocket(NetlinkSocket.open(NETLINK_NETFILTER));
  }

  /**
   * Commits the batch; an empty one is not sent. Returns only after the kernel has confirmed it.
   * @throws NftTransactionError when the kernel refuses any part: then nothing of it is done
   * @throws NetlinkTransportError when no confirmation comes, SystemCallError when the batch cannot be sent
   */
  commit(batch: NftBatch): void {
    if (batch.messageCount === 0) return;
    const writer = batch.finish();
    this.#makeRoom(writer);
    const bytes = writer.bytes();
    const base = this.#stamp(bytes);
    sendto(this.#netlink.fd, bytes, bytes.length, 0, KERNEL);
    if (batch.removes) this.#removedAtMs = performance.now();
    const failures = new Map<number, NetlinkError>();
    const confirmed = this.#collect(base, batch, failures);
    if (failures.size > 0) throw new NftTransactionError(failures);
    if (!confirmed) {
      throw new NetlinkTransportError(`nf_tables transaction of ${batch.messageCount} messages: not confirmed`);
    }
  }

  tables(family?: Family): Table[] {
    return this.#dump("list tables", nft.NFT_MSG_GETTABLE, family).map(parseTable);
  }

  /** All chains of a family; the kernel has no filter by table for them. */
  chains(family?: Family): Chain[] {
    return this.#dump("list chains", nft.NFT_MSG_GETCHAIN, family).map(parseChain);
  }

  /** The rules of one table (or one chain of it), in the order in which they are tried. A table that is not there has none. */
  rules(table: TableId, chain?: string): Rule[] {
    return this.#dump(`list rules of ${table.family} ${table.table}`, nft.NFT_MSG_GETRULE, table.family, (writer) => {
      writer.attrString(1, table.table);
      if (chain !== undefined) writer.attrString(2, chain);
    }).map(parseRule);
  }

  /** The sets and maps of one table, anonymous ones included. @throws NetlinkError ENOENT when there is no such table */
  sets(table: TableId): SetDefinition[] {
    return this.#dump(`list sets of ${table.family} ${table.table}`, nft.NFT_MSG_GETSET, table.family, (writer) => {
      writer.attrString(1, table.table);
    }).map(parseSet);
  }

  /**
   * While the kernel resizes a hash table it may show some elements twice and others not at all; such a look is repeated. (A set
   * made with a `size` has a table of fixed size.)
   * @throws NetlinkError ENOENT when there is no such set; NetlinkTransportError when resizing takes too long
   */
  elements(set: TableId & { readonly name: string }): SetElement[] {
    const what = `list elements of ${set.family} ${set.table} ${set.name}`;
    for (let attempt = 0; attempt < RESIZING_TRIES; attempt++) {
      const messages = this.#dump(what, nft.NFT_MSG_GETSETELEM, set.family, (writer) => {
        writer.attrString(1, set.table).attrString(2, set.name);
      });
      const elements: SetElement[] = [];
      for (const message of messages) parseElements(message, elements);
      if (new Set(elements.map(elementIdentity)).size === elements.length) return elements;
      pollInput(this.#netlink.fd, RESIZING_PAUSE_MS);
    }
    throw new NetlinkTransportError(`${what}: elements stood twice in ${RESIZING_TRIES} looks`);
  }

  /** The generation of the namespace's ruleset: equal numbers mean that nothing was committed in between. */
  generation(): number {
    const [answer] = this.#netlink.request("get ruleset generation", (writer) => {
      beginNftMessage(writer, nft.NFT_MSG_GETGEN, 0, undefined).end();
    });
    if (!answer) throw new NetlinkTransportError("get ruleset generation: no answer");
    return parseGeneration(answer);
  }

  /**
   * Releases the socket: at once, or 50 ms later when it has just removed something. Until the kernel has freed what was removed
   * (a grace period of 10 to 30 ms), closing any nf_tables socket of the namespace blocks.
   */
  close(): void {
    if (performance.now() - this.#removedAtMs > GRACE_MS) this.#netlink.close();
    else closeLater(this.#netlink);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #dump(
    operation: string,
    command: number,
    family: Family | undefined,
    filter: (writer: MessageWriter) => void = () => undefined,
  ): NetlinkMessage[] {
    return this.#netlink.dump(operation, (writer) => {
      beginNftMessage(writer, command, 0, family);
      filter(writer);
      writer.end();
    });
  }

  /** A datagram may be as large as the send buffer; answers to every message must fit the receive buffer. */
  #makeRoom(writer: MessageWriter): void {
    const sendBytes = writer.length + 64 * 1024;
    if (sendBytes > this.#sendBufferBytes) {
      setsockoptInt(this.#netlink.fd, SOL_SOCKET, SO_SNDBUFFORCE, sendBytes);
      this.#sendBufferBytes = sendBytes;
    }
    const receiveBytes = writer.messageCount * QUEUED_ERROR_BYTES;
    if (receiveBytes > this.#receiveBufferBytes) {
      setsockoptInt(this.#netlink.fd, SOL_SOCKET, SO_RCVBUFFORCE, receiveBytes);
      this.#receiveBufferBytes = receiveBytes;
    }
  }

  /** Numbers the messages. Port id 0 suits the kernel, which answers to the socket. @returns the first number */
  #stamp(bytes: Buffer): number {
    const first = this.#sequence;
    for (let offset = 0; offset < bytes.length; offset += (bytes.readUInt32LE(offset) + 3) & ~3) {
      bytes.writeUInt32LE(this.#sequence++, offset + 8);
    }
    if (this.#sequence > 0x7000_0000) this.#sequence = 1;
    return first;
  }

  /** Reads every queued answer. @returns whether the last change was acknowledged */
  #collect(base: number, batch: NftBatch, failures: Map<number, NetlinkError>): boolean {
    let confirmed = false;
    let waited = false;
    for (;;) {
      const received = recv(this.#netlink.fd, receiveBuffer, MSG_DONTWAIT | MSG_TRUNC);
      if (received === undefined) {
        if (confirmed || failures.size > 0 || waited) return confirmed;
        waited = true;
        if (!pollInput(this.#netlink.fd, ANSWER_TIMEOUT_MS)) return false;
        continue;
      }
      if (received > receiveBuffer.length) throw new NetlinkTransportError(`an answer of ${received} bytes`);
      for (const message of parseMessages(receiveBuffer.subarray(0, received))) {
        const index = message.sequence - base;
        if (message.type !== NLMSG_ERROR || index < 0 || index > batch.messageCount) continue;
        const error = parseAcknowledgement(batch.operation(index), message);
        if (error) failures.set(index, error);
        else if (index === batch.messageCount) confirmed = true;
      }
    }
  }
}

/** What no two elements of a set share: an interval's end may have the next one's key. */
function elementIdentity({ key, flags }: SetElement): string {
  const bytes = key ? Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString("latin1") : "";
  return flags === undefined ? bytes : `${bytes} ${flags}`;
}

function closeLater(socket: NetlinkSocket): void {
  if (closing.size >= MAX_CLOSING) for (const waiting of [...closing]) finishClosing(waiting);
  closing.add(socket);
  setTimeout(() => finishClosing(socket), GRACE_MS).unref();
}

function finishClosing(socket: NetlinkSocket): void {
  closing.delete(socket);
  socket.close();
}
