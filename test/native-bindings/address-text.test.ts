import { isIPv4, isIPv6 } from "node:net";
import test from "ava";
import fc from "fast-check";
import {
  bytesToIp,
  bytesToMac,
  formatIpv4,
  ipToBytes,
  macToBytes,
  parseIpv4,
} from "../../native-bindings/address-text.js";

test("IPv4 addresses as numbers", (t) => {
  t.is(parseIpv4("10.0.1.4"), 0x0a000104);
  t.is(parseIpv4("255.255.255.255"), 0xffffffff);
  t.is(formatIpv4(0xc0a8380c), "192.168.56.12");
  fc.assert(fc.property(fc.ipV4(), (text) => formatIpv4(parseIpv4(text)) === text));
});

for (const text of [
  "",
  "1.2.3",
  "1.2.3.4.5",
  "1.2.3.256",
  "01.2.3.4",
  "1.2.3.4 ",
  "1..2.3",
  ".1.2.3",
  "1.2.3.",
  "a.b.c.d",
  "1.2.3.-4",
]) {
  test(`"${text}" is no IPv4 address`, (t) => {
    t.throws(() => parseIpv4(text), { instanceOf: RangeError, message: `"${text}" is no IPv4 address` });
  });
}

test("what is an IPv4 address agrees with node:net on text close to one", (t) => {
  const part = fc.oneof(fc.nat(300).map(String), fc.constantFrom("", "0", "00", "007", "-1", " 1", "1e1"));
  const text = fc.array(part, { minLength: 3, maxLength: 5 }).map((parts) => parts.join("."));
  fc.assert(fc.property(text, (candidate) => accepts(() => parseIpv4(candidate)) === isIPv4(candidate)));
  t.pass();
});

/** RFC 5952, section 4, and inet_ntop's form of mapped addresses. */
const CANONICAL: readonly (readonly [given: string, canonical: string])[] = [
  ["2001:0db8:0000:0000:0001:0000:0000:0001", "2001:db8::1:0:0:1"],
  ["2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"],
  ["2001:DB8::AAAA", "2001:db8::aaaa"],
  ["::", "::"],
  ["::1", "::1"],
  ["1::", "1::"],
  ["fe80:0:0:1::", "fe80:0:0:1::"],
  ["0:0:1::1", "0:0:1::1"],
  ["::ffff:192.0.2.1", "::ffff:192.0.2.1"],
  ["64:ff9b::192.0.2.33", "64:ff9b::c000:221"],
];
for (const [given, canonical] of CANONICAL) {
  test(`IPv6 ${given}`, (t) => {
    t.is(bytesToIp(ipToBytes(given)), canonical);
  });
}

test("IPv6 bytes survive text", (t) => {
  const sparse = fc.array(fc.constantFrom(0, 0, 0, 1, 255), { minLength: 16, maxLength: 16 });
  fc.assert(
    fc.property(fc.oneof(sparse, fc.array(fc.nat(255), { minLength: 16, maxLength: 16 })), (numbers) => {
      const bytes = Buffer.from(numbers);
      return isIPv6(bytesToIp(bytes)) && ipToBytes(bytesToIp(bytes)).equals(bytes);
    }),
  );
  t.pass();
});

test("what is an IPv6 address agrees with node:net on text close to one", (t) => {
  const part = fc.constantFrom("", "0", "1", "ffff", "12345", "g", "1.2.3.4", "::");
  const text = fc.array(part, { minLength: 2, maxLength: 9 }).map((parts) => parts.join(":"));
  fc.assert(
    fc.property(text, (candidate) => accepts(() => ipToBytes(candidate)) === isIPv6(candidate)),
    { numRuns: 2000 },
  );
  t.pass();
});

test("MAC addresses", (t) => {
  t.deepEqual([...macToBytes("02:42:0A:00:01:04")], [2, 0x42, 10, 0, 1, 4]);
  t.is(bytesToMac(Buffer.from([2, 0x42, 10, 0, 1, 4])), "02:42:0a:00:01:04");
  t.is(bytesToMac(Buffer.alloc(0)), "");
  for (const text of ["", "02:42:0a:00:01", "02-42-0a-00-01-04", "02:42:0a:00:01:0g", "02:42:0a:00:01:04:05"]) {
    t.throws(() => macToBytes(text), { instanceOf: RangeError });
  }
});

test("an address of a wrong length is refused", (t) => {
  t.throws(() => bytesToIp(Buffer.alloc(5)), { instanceOf: RangeError });
});

function accepts(parse: () => unknown): boolean {
  try {
    parse();
    return true;
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}
