import test from "ava";
import fc from "fast-check";
import { CertificateError } from "../../../src/security/pki/certificate-error.js";
import { readCertificate } from "../../../src/security/pki/certificate-facts.js";
import { CsrError, makeCsr, readCsr } from "../../../src/security/pki/csr.js";
import {
  bitString,
  element,
  explicit,
  integer,
  octetString,
  oid,
  sequence,
  TAG,
  time,
  trueValue,
  utf8String,
} from "../../../src/security/pki/der.js";
import { DerError, DerReader, MAX_DER_BYTES } from "../../../src/security/pki/der-reader.js";
import { decodePem, encodePem } from "../../../src/security/pki/pem.js";
import { makeRootCa } from "../../../src/security/pki/root-ca.js";

test("what is written is read as the same value", (t) => {
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 1, maxLength: 200 }),
      fc.array(fc.nat({ max: 0x7fff_ffff }), { maxLength: 8 }),
      fc.date({ min: new Date("1950-01-01"), max: new Date("9999-12-31"), noInvalidDate: true }),
      fc.integer({ min: 0, max: 7 }),
      (bytes, arcs, date, unusedBits) => {
        const masked = Buffer.from(bytes);
        masked[masked.length - 1]! &= 0xff << unusedBits;
        const seconds = Math.floor(date.getTime() / 1000) * 1000;
        const id = ["1.2", "2.999", "0.39"].map((head) => [head, ...arcs].join("."));
        const reader = new DerReader(
          sequence(integer(bytes), bitString(masked, unusedBits), ...id.map(oid), time(seconds), trueValue()),
        );
        const inside = reader.enter(TAG.sequence);
        reader.end();
        t.is(BigInt(`0x0${inside.unsigned().toString("hex")}`), BigInt(`0x${Buffer.from(bytes).toString("hex")}`));
        t.deepEqual(inside.bitString(), { octets: masked, unusedBits });
        for (const one of id) t.is(inside.oid(), one);
        // UTCTime has no century of its own: what is before 1950 and after 2049 is written long.
        t.is(inside.time(), seconds);
        t.true(inside.boolean());
        inside.end();
      },
    ),
  );
});

test("lengths of every size", (t) => {
  for (const size of [0, 1, 127, 128, 255, 256, 65_000]) {
    const reader = new DerReader(octetString(Buffer.alloc(size, 7)));
    t.is(reader.next(TAG.octetString).contents.length, size);
    t.true(reader.isAtEnd);
  }
});

const NOT_DER: readonly (readonly [string, string, (reader: DerReader) => unknown])[] = [
  ["nothing", "", (reader) => reader.next()],
  ["a tag without a length", "30", (reader) => reader.next()],
  ["an indefinite length", "3080020101", (reader) => reader.next()],
  ["a length with a needless octet", "04810100", (reader) => reader.next()],
  ["a length with leading zeros", `04820080${"00".repeat(128)}`, (reader) => reader.next()],
  ["a length of five octets", "04850000000001", (reader) => reader.next()],
  ["a length that ends early", "0482", (reader) => reader.next()],
  ["contents that end early", "0403aabb", (reader) => reader.next()],
  ["a length of 4 GiB", "0484ffffffff00", (reader) => reader.next()],
  ["a tag of several octets", "1f8101", (reader) => reader.next()],
  ["another tag", "0401ff", (reader) => reader.next(TAG.integer)],
  ["bytes behind", "040100ff", (reader) => [reader.next(), reader.end()]],
  ["an integer without octets", "0200", (reader) => reader.unsigned()],
  ["a negative integer", "0201ff", (reader) => reader.unsigned()],
  ["an integer with a needless zero", "02020001", (reader) => reader.unsigned()],
  ["an integer of 32 bits where 31 are", "02050080000000", (reader) => reader.smallInteger()],
  ["a boolean of 1", "010101", (reader) => reader.boolean()],
  ["a boolean of two octets", "0102ffff", (reader) => reader.boolean()],
  ["a null with contents", "050100", (reader) => reader.null()],
  ["a bit string without octets", "0300", (reader) => reader.bitString()],
  ["8 unused bits", "030208ff", (reader) => reader.bitString()],
  ["unused bits of nothing", "030101", (reader) => reader.bitString()],
  ["unused bits that are set", "030201ff", (reader) => reader.bitString()],
  ["a key of 7 bits", "0302018e", (reader) => reader.octetsOfBitString()],
  ["an empty object identifier", "0600", (reader) => reader.oid()],
  ["an object identifier that ends early", "060188", (reader) => reader.oid()],
  ["an object identifier with a needless octet", "060380012a", (reader) => reader.oid()],
  ["an arc of 70 bits", `060a${"ff".repeat(9)}7f`, (reader) => reader.oid()],
  ["a time without seconds", "170b323630313032303330345a", (reader) => reader.time()],
  ["a time with a zone", `1711${Buffer.from("260102030405+0100").toString("hex")}`, (reader) => reader.time()],
  ["the 30th of February", `170d${Buffer.from("260230000000Z").toString("hex")}`, (reader) => reader.time()],
  ["a 25th hour", `170d${Buffer.from("260101250000Z").toString("hex")}`, (reader) => reader.time()],
  ["a time that is text", `0c0d${Buffer.from("260101010000Z").toString("hex")}`, (reader) => reader.time()],
];

for (const [name, hex, read] of NOT_DER) {
  test(`refused: ${name}`, (t) => {
    t.throws(() => read(new DerReader(Buffer.from(hex, "hex"))), { instanceOf: DerError });
  });
}

test("depth and size have their limits", (t) => {
  let nested = integer(Buffer.from([1]));
  for (let level = 0; level < 100; level++) nested = sequence(nested);
  const descend = () => {
    for (let reader = new DerReader(nested); ; ) reader = reader.enter(TAG.sequence);
  };
  t.throws(descend, { instanceOf: DerError, message: /levels/ });
  t.throws(() => new DerReader(Buffer.alloc(MAX_DER_BYTES + 1)), { instanceOf: DerError });
});

const ROOT = decodePem(makeRootCa(Date.UTC(2026, 0, 1)).certificatePem)[0]!.der;
const CSR = decodePem(makeCsr({ commonName: "node" }).csrPem)[0]!.der;

/** Bytes changed, cut out, doubled: close enough to the real thing to get far into it. */
const damage = fc.array(
  fc.record({ at: fc.nat({ max: 600 }), octet: fc.nat({ max: 255 }), kind: fc.constantFrom("set", "cut", "insert") }),
  { minLength: 1, maxLength: 4 },
);

function damaged(der: Buffer, changes: readonly { at: number; octet: number; kind: string }[]): Buffer {
  const octets = [...der];
  for (const { at, octet, kind } of changes) {
    const place = at % octets.length;
    octets.splice(place, kind === "insert" ? 0 : 1, ...(kind === "cut" ? [] : [octet]));
  }
  return Buffer.from(octets);
}

test("any bytes are a certificate or an error of ours", (t) => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.uint8Array({ maxLength: 300 }),
        damage.map((changes) => damaged(ROOT, changes)),
      ),
      (bytes) => {
        try {
          readCertificate(Buffer.from(bytes));
        } catch (error) {
          if (!(error instanceof CertificateError)) throw error;
        }
      },
    ),
    { numRuns: 3000 },
  );
  t.pass();
});

test("any bytes are no request once they differ from one", (t) => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.uint8Array({ maxLength: 300 }),
        damage.map((changes) => damaged(CSR, changes)),
      ),
      (bytes) => {
        fc.pre(!CSR.equals(bytes));
        t.throws(() => readCsr(encodePem("CERTIFICATE REQUEST", Buffer.from(bytes))), { instanceOf: CsrError });
      },
    ),
    { numRuns: 2000 },
  );
});

test("elements nest as they are told to", (t) => {
  const inner = element(0x8c, utf8String("x"));
  const reader = new DerReader(explicit(3, inner)).enter(0xa3);
  t.deepEqual(reader.optional(0x8b), undefined);
  t.deepEqual(reader.optional(0x8c)?.whole, inner);
  t.is(reader.peek(), undefined);
});
