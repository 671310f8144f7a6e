/**
 * A synchronous netlink socket.
 *
 * The kernel has queued its answer when `sendto` returns, so a request is one `sendto` and one non-blocking `recv`:
 * some 6 µs, no event loop. Requests in one {@link MessageWriter} travel in batches.
 * A socket belongs to the network namespace in which it was opened, whatever the thread enters later.
 */
import {
  NLM_F_ACK,
  NLM_F_ACK_TLVS,
  NLM_F_CAPPED,
  NLM_F_DUMP,
  NLM_F_DUMP_INTR,
  NLM_F_MULTI,
  NLM_F_REQUEST,
  NLMSG_DONE,
  NLMSG_ERROR,
  NLMSG_HEADER_BYTES,
  NLMSG_OVERRUN,
} from "./constants.js";
import { NetlinkError, NetlinkOverrunError, NetlinkTransportError } from "./errors.js";
import { type NetlinkMessage, parseAttributes, parseMessages, readString, readU32 } from "./message-reader.js";
import { MessageWriter } from "./message-writer.js";
import { type NetlinkTransport, type NetlinkTransportOptions, openKernelTransport } from "./transport.js";

const NLMSGERR_ATTR_MSG = 1;
const NLMSGERR_ATTR_OFFS = 2;
/** Requests in one `sendto`: their errors, if all fail, must fit a receive buffer of the default size. */
const BATCH_MESSAGES = 200;
const BATCH_BYTES = 128 * 1024;
/** Dumps come in datagrams of up to 32 KiB; nf_tables may send larger ones. */
const RECEIVE_BYTES = 512 * 1024;
const ANSWER_TIMEOUT_MS = 2000;
const INTERRUPTED_DUMP_TRIES = 16;
const DRAINED_DATAGRAMS = 10_000;

/** One buffer serves every socket of a thread: a received datagram is parsed and copied before the next one. */
const receiveBuffer = Buffer.allocUnsafeSlow(RECEIVE_BYTES);

export class NetlinkSocket implements Disposable {
  readonly #transport: NetlinkTransport;
  #sequence = 1;

  constructor(transport: NetlinkTransport) {
    this.#transport = transport;
  }

  /** Opens a socket in the thread's current network namespace. @throws SystemCallError */
  static open(protocol: number, options: NetlinkTransportOptions = {}): NetlinkSocket {
    return new NetlinkSocket(openKernelTransport(protocol, options));
  }

  get fd(): number {
    return this.#transport.fd;
  }

  /**
   * Sends one message and waits for its acknowledgement.
   * @param operation what is asked, in words, for the error text
   * @returns the messages that came before the acknowledgement (copies)
   * @throws NetlinkError when the kernel refuses, NetlinkTransportError when it does not answer
   */
  request(operation: string, write: (writer: MessageWriter) => void): NetlinkMessage[] {
    const writer = new MessageWriter(512);
    write(writer);
    const sequence = this.#send(writer.bytes(), NLM_F_REQUEST | NLM_F_ACK);
    const replies: NetlinkMessage[] = [];
    for (;;) {
      for (const message of this.#receive(operation)) {
        if (message.sequence !== sequence) continue;
        if (message.type === NLMSG_ERROR) {
          const error = parseAcknowledgement(operation, message);
          if (error) throw error;
          return replies;
        }
        replies.push(copyMessage(message));
      }
    }
  }

  /**
   * Sends a dump request and returns all its messages (copies). An interrupted dump (something changed while the kernel
   * walked) is asked for again.
   * @throws NetlinkError, NetlinkTransportError
   */
  dump(operation: string, write: (writer: MessageWriter) => void): NetlinkMessage[] {
    const writer = new MessageWriter(512);
    write(writer);
    for (let attempt = 0; attempt < INTERRUPTED_DUMP_TRIES; attempt++) {
      const messages = this.#dumpOrDrain(operation, writer.bytes());
      if (messages) return messages;
    }
    throw new NetlinkTransportError(`${operation}: interrupted by changes ${INTERRUPTED_DUMP_TRIES} times`);
  }

  /**
   * Sends every message of `writer`, many to a `sendto`. Only the last of each `sendto` asks for an acknowledgement: the
   * kernel works through them in order and always reports errors.
   * @param operationOf names the i-th message, for error texts
   * @returns the refused ones by index; empty when all went well
   * @throws NetlinkTransportError
   */
  batch(writer: MessageWriter, operationOf: (index: number) => string): Map<number, NetlinkError> {
    const failures = new Map<number, NetlinkError>();
    const bytes = writer.bytes();
    let start = 0;
    let firstIndex = 0;
    while (start < bytes.length) {
      const { end, count } = batchEnd(bytes, start);
      this.#sendBatch(bytes.subarray(start, end), count, firstIndex, operationOf, failures);
      start = end;
      firstIndex += count;
    }
    return failures;
  }

  /**
   * Sends one datagram as it is, with one sequence number per message, and returns the refusals: the nf_tables batch,
   * which the kernel takes or leaves as a whole. Messages that carry NLM_F_ACK are awaited; without any, an error shows
   * because the kernel has queued it when `sendto` returns.
   */
  transaction(writer: MessageWriter, operationOf: (index: number) => string): Map<number, NetlinkError> {
    const failures = new Map<number, NetlinkError>();
    const bytes = writer.bytes();
    const base = this.#stamp(bytes, 0);
    this.#transport.send(bytes);
    for (;;) {
      const received = this.#receiveNow();
      if (!received) return failures;
      for (const message of received) {
        const index = message.sequence - base;
        if (message.type !== NLMSG_ERROR || index < 0 || index >= writer.messageCount) continue;
        const error = parseAcknowledgement(operationOf(index), message);
        if (error) failures.set(index, error);
      }
    }
  }

  close(): void {
    this.#transport.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** A dump that ends half-way is taken to its end all the same: until then the kernel refuses the next one with EBUSY. */
  #dumpOrDrain(operation: string, bytes: Buffer): NetlinkMessage[] | undefined {
    try {
      return this.#dumpOnce(operation, bytes);
    } catch (error) {
      for (let count = 0; count < DRAINED_DATAGRAMS; count++) if (!this.#discard()) break;
      throw error;
    }
  }

  /** @returns whether something was there */
  #discard(): boolean {
    try {
      return this.#transport.receive(receiveBuffer) !== undefined;
    } catch (error) {
      if (error instanceof NetlinkOverrunError) return true;
      throw error;
    }
  }

  #dumpOnce(operation: string, bytes: Buffer): NetlinkMessage[] | undefined {
    const sequence = this.#send(bytes, NLM_F_REQUEST | NLM_F_DUMP);
    const messages: NetlinkMessage[] = [];
    let interrupted = false;
    for (;;) {
      for (const message of this.#receive(operation)) {
        if (message.sequence !== sequence) continue;
        interrupted ||= (message.flags & NLM_F_DUMP_INTR) !== 0;
        if (message.type === NLMSG_DONE) {
          const error = parseDone(operation, message);
          if (error) throw error;
          return interrupted ? undefined : messages;
        }
        if (message.type === NLMSG_ERROR) {
          const error = parseAcknowledgement(operation, message);
          if (error) throw error;
          return interrupted ? undefined : messages;
        }
        messages.push(copyMessage(message));
        if ((message.flags & NLM_F_MULTI) === 0) return interrupted ? undefined : messages;
      }
    }
  }

  #sendBatch(
    bytes: Buffer,
    count: number,
    firstIndex: number,
    operationOf: (index: number) => string,
    failures: Map<number, NetlinkError>,
  ): void {
    const base = this.#stamp(bytes, NLM_F_REQUEST, NLM_F_ACK);
    const last = base + count - 1;
    this.#transport.send(bytes);
    for (;;) {
      for (const message of this.#receive("batch")) {
        const index = message.sequence - base;
        if (message.type !== NLMSG_ERROR || index < 0 || index >= count) continue;
        const error = parseAcknowledgement(operationOf(firstIndex + index), message);
        if (error) failures.set(firstIndex + index, error);
        if (message.sequence === last) return;
      }
    }
  }

  #send(bytes: Buffer, flags: number): number {
    const sequence = this.#stamp(bytes, flags);
    this.#transport.send(bytes);
    return sequence;
  }

  /**
   * Gives every message of the datagram its sequence number, and the flags on top of its own.
   * @param lastFlags more flags for the last one
   * @returns the first number
   */
  #stamp(bytes: Buffer, flags: number, lastFlags = 0): number {
    const first = this.#sequence;
    const { portId } = this.#transport;
    let next = 0;
    for (let offset = 0; offset < bytes.length; offset = next) {
      next = offset + ((bytes.readUInt32LE(offset) + 3) & ~3);
      const added = next >= bytes.length ? flags | lastFlags : flags;
      bytes.writeUInt16LE(bytes.readUInt16LE(offset + 6) | added, offset + 6);
      bytes.writeUInt32LE(this.#sequence++, offset + 8);
      bytes.writeUInt32LE(portId, offset + 12);
    }
    if (this.#sequence > 0x7fffffff) this.#sequence = 1;
    return first;
  }

  #receive(operation: string): NetlinkMessage[] {
    const deadline = performance.now() + ANSWER_TIMEOUT_MS;
    for (;;) {
      const messages = this.#receiveNow();
      if (messages) return messages;
      const restMs = Math.ceil(deadline - performance.now());
      if (restMs <= 0) {
        throw new NetlinkTransportError(`${operation}: no answer from the kernel within ${ANSWER_TIMEOUT_MS} ms`);
      }
      this.#transport.wait(restMs);
    }
  }

  #receiveNow(): NetlinkMessage[] | undefined {
    const received = this.#transport.receive(receiveBuffer);
    if (received === undefined) return undefined;
    if (received > receiveBuffer.length) {
      throw new NetlinkTransportError(`a datagram of ${received} bytes, more than the ${RECEIVE_BYTES} that are read`);
    }
    const messages = parseMessages(receiveBuffer.subarray(0, received));
    if (messages.some((message) => message.type === NLMSG_OVERRUN)) {
      throw new NetlinkOverrunError("the kernel dropped answers: receive buffer overrun");
    }
    return messages;
  }
}

/** How many whole messages from `start` go in one `sendto`. */
function batchEnd(bytes: Buffer, start: number): { end: number; count: number } {
  let end = start;
  let count = 0;
  while (end < bytes.length && count < BATCH_MESSAGES) {
    const next = end + ((bytes.readUInt32LE(end) + 3) & ~3);
    if (count > 0 && next - start > BATCH_BYTES) break;
    end = next;
    count++;
  }
  return { end, count };
}

function copyMessage(message: NetlinkMessage): NetlinkMessage {
  return { ...message, payload: Buffer.from(message.payload) };
}

/**
 * Reads NLMSG_ERROR: `i32 -errno`, the request's header (the whole request unless capped), then extended-ack attributes.
 * @returns undefined for an acknowledgement (errno 0)
 */
export function parseAcknowledgement(operation: string, message: NetlinkMessage): NetlinkError | undefined {
  const { payload } = message;
  if (payload.length < 4 + NLMSG_HEADER_BYTES) {
    return new NetlinkError(operation, 74, `an error message of ${payload.length} bytes`);
  }
  const errno = -payload.readInt32LE(0);
  if (errno === 0) return undefined;
  if ((message.flags & NLM_F_ACK_TLVS) === 0) return new NetlinkError(operation, errno);
  const requestBytes = message.flags & NLM_F_CAPPED ? NLMSG_HEADER_BYTES : payload.readUInt32LE(4);
  return extendedError(operation, errno, payload, 4 + Math.ceil(requestBytes / 4) * 4);
}

function parseDone(operation: string, message: NetlinkMessage): NetlinkError | undefined {
  if (message.payload.length < 4) return undefined;
  const errno = -message.payload.readInt32LE(0);
  if (errno <= 0) return undefined;
  if ((message.flags & NLM_F_ACK_TLVS) === 0) return new NetlinkError(operation, errno);
  return extendedError(operation, errno, message.payload, 4);
}

function extendedError(operation: string, errno: number, payload: Buffer, offset: number): NetlinkError {
  if (offset >= payload.length) return new NetlinkError(operation, errno);
  const attributes = parseAttributes(payload, offset);
  const text = attributes.get(NLMSGERR_ATTR_MSG);
  const at = attributes.get(NLMSGERR_ATTR_OFFS);
  return new NetlinkError(operation, errno, text && readString(text), at && readU32(at));
}
