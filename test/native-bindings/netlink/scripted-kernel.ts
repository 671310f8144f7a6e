/** A kernel that answers by script, for the netlink socket's own logic. */
import { NLM_F_ACK, NLMSG_DONE, NLMSG_ERROR } from "../../../native-bindings/netlink/constants.js";
import { type NetlinkMessage, parseMessages } from "../../../native-bindings/netlink/message-reader.js";
import type { NetlinkTransport } from "../../../native-bindings/netlink/transport.js";

/** Datagrams, or errors that `receive` throws. */
export type Answers = readonly (Buffer | Error)[];

export class ScriptedKernel implements NetlinkTransport {
  readonly fd = -1;
  readonly portId = 77;
  readonly received: NetlinkMessage[] = [];
  /** Messages of each `send`. */
  readonly sends: number[] = [];
  waits = 0;
  #queue: (Buffer | Error)[] = [];

  constructor(private readonly answer: (messages: readonly NetlinkMessage[], send: number) => Answers) {}

  send(datagram: Buffer): void {
    const messages = parseMessages(Buffer.from(datagram));
    this.received.push(...messages);
    this.sends.push(messages.length);
    this.#queue.push(...this.answer(messages, this.sends.length - 1));
  }

  receive(into: Buffer): number | undefined {
    const next = this.#queue.shift();
    if (next instanceof Error) throw next;
    next?.copy(into);
    return next?.length;
  }

  wait(): boolean {
    this.waits++;
    return this.#queue.length > 0;
  }

  close(): void {}

  get unread(): number {
    return this.#queue.length;
  }
}

/** What a kernel does with a batch: errors for the refused, an acknowledgement where one is asked for. */
export function acknowledge(messages: readonly NetlinkMessage[], errnoOf: (index: number) => number): Buffer[] {
  return messages.flatMap((message, index) => {
    const errno = errnoOf(index);
    return errno !== 0 || (message.flags & NLM_F_ACK) !== 0 ? [acknowledgement(message.sequence, errno)] : [];
  });
}

export function acknowledgement(sequence: number, errno: number): Buffer {
  const payload = Buffer.alloc(20);
  payload.writeInt32LE(-errno);
  payload.writeUInt32LE(16, 4);
  return datagram(NLMSG_ERROR, 0x100, sequence, payload);
}

export function done(sequence: number, flags = 2, errno = 0): Buffer {
  const payload = Buffer.alloc(4);
  payload.writeInt32LE(-errno);
  return datagram(NLMSG_DONE, flags, sequence, payload);
}

export function datagram(type: number, flags: number, sequence: number, payload: Buffer): Buffer {
  const header = Buffer.alloc(16);
  header.writeUInt32LE(16 + payload.length, 0);
  header.writeUInt16LE(type, 4);
  header.writeUInt16LE(flags, 6);
  header.writeUInt32LE(sequence, 8);
  return Buffer.concat([header, payload]);
}
