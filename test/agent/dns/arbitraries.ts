import fc from "fast-check";
import { TYPE } from "../../../src/agent/dns/constants.js";
import type { DnsMessage, Edns, RecordData, ResourceRecord } from "../../../src/agent/dns/message.js";
import { nameText } from "../../../src/agent/dns/name.js";

const bytes = (maxLength: number) => fc.uint8Array({ maxLength }).map((array) => Buffer.from(array));
const exactBytes = (length: number) =>
  fc.uint8Array({ minLength: length, maxLength: length }).map((array) => Buffer.from(array));
const uint16 = fc.integer({ min: 0, max: 0xffff });
const uint32 = fc.integer({ min: 0, max: 0xffff_ffff });

/** Labels of any bytes, escaped; a name of up to 4 of them, the root included. */
export const anyName = fc
  .array(fc.uint8Array({ minLength: 1, maxLength: 40 }), { maxLength: 4 })
  .map((labels) => labels.map((label) => labelText(label)).join("."));

function labelText(label: Uint8Array): string {
  let text = "";
  for (const byte of label) {
    if (byte === 0x2e || byte === 0x5c) text += `\\${String.fromCharCode(byte)}`;
    else if (byte <= 0x20 || byte >= 0x7f) text += `\\${String(byte).padStart(3, "0")}`;
    else text += String.fromCharCode(byte);
  }
  return text;
}

/** Names as services and tasks bear them. */
export const plainName = fc
  .array(fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,10}[a-z0-9])?$/), { minLength: 1, maxLength: 3 })
  .map((labels) => nameText(labels.join(".")));

const typedData: fc.Arbitrary<{ type: number; data: RecordData }> = fc.oneof(
  fc.record({
    type: fc.constant(TYPE.A),
    data: exactBytes(4).map((raw) => ({ kind: "address" as const, bytes: raw })),
  }),
  fc.record({
    type: fc.constant(TYPE.AAAA),
    data: exactBytes(16).map((raw) => ({ kind: "address" as const, bytes: raw })),
  }),
  fc.record({
    type: fc.constantFrom(TYPE.NS, TYPE.CNAME, TYPE.PTR),
    data: fc.record({ kind: fc.constant("name" as const), name: anyName }),
  }),
  fc.record({
    type: fc.constant(TYPE.MX),
    data: fc.record({ kind: fc.constant("mx" as const), preference: uint16, exchange: anyName }),
  }),
  fc.record({
    type: fc.constant(TYPE.TXT),
    data: fc.record({ kind: fc.constant("text" as const), strings: fc.array(bytes(60), { maxLength: 3 }) }),
  }),
  fc.record({
    type: fc.constant(TYPE.SRV),
    data: fc.record({
      kind: fc.constant("srv" as const),
      priority: uint16,
      weight: uint16,
      port: uint16,
      target: anyName,
    }),
  }),
  fc.record({
    type: fc.constant(TYPE.SOA),
    data: fc.record({
      kind: fc.constant("soa" as const),
      primary: anyName,
      mailbox: anyName,
      numbers: fc.tuple(uint32, uint32, uint32, uint32, uint32),
    }),
  }),
  fc.record({
    type: fc.integer({ min: 256, max: 0xffff }),
    data: fc.record({ kind: fc.constant("opaque" as const), bytes: bytes(50) }),
  }),
);

const record: fc.Arbitrary<ResourceRecord> = fc
  .record({ name: anyName, class: uint16, ttlSeconds: uint32, typed: typedData })
  .map(({ typed, ...rest }) => ({ ...rest, ...typed }));

const edns: fc.Arbitrary<Edns> = fc.record({
  udpSizeBytes: uint16,
  version: fc.integer({ min: 0, max: 255 }),
  dnssecOk: fc.boolean(),
  options: fc.array(fc.record({ code: uint16, data: bytes(20) }), { maxLength: 3 }),
});

export const anyMessage: fc.Arbitrary<DnsMessage> = fc
  .record({
    header: fc.record({
      id: uint16,
      response: fc.boolean(),
      opcode: fc.integer({ min: 0, max: 15 }),
      authoritative: fc.boolean(),
      truncated: fc.boolean(),
      recursionDesired: fc.boolean(),
      recursionAvailable: fc.boolean(),
      authenticData: fc.boolean(),
      checkingDisabled: fc.boolean(),
      rcode: fc.integer({ min: 0, max: 0xfff }),
    }),
    questions: fc.array(fc.record({ name: anyName, type: uint16, class: uint16 }), { maxLength: 2 }),
    answers: fc.array(record, { maxLength: 3 }),
    authorities: fc.array(record, { maxLength: 2 }),
    additionals: fc.array(record, { maxLength: 2 }),
    edns: fc.option(edns, { nil: undefined }),
  })
  .map(({ edns: opt, ...message }) =>
    opt ? { ...message, edns: opt } : { ...message, header: { ...message.header, rcode: message.header.rcode & 0xf } },
  );
