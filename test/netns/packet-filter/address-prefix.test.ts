import test from "ava";
import fc from "fast-check";
import {
  containsPrefix,
  formatPrefix,
  type Ipv4Prefix,
  parsePrefix,
  prefixesWithout,
  prefixMask,
} from "../../../netns/packet-filter/address-prefix.js";

const anyAddress = fc.nat({ max: 0xffffffff });
/** Near each other, so that they overlap often. */
const anyPrefix = fc
  .tuple(fc.constantFrom(0x0a000000, 0x0a000080, 0x0a0000ff, 0x0a400000, 0xffffffff), fc.nat({ max: 32 }))
  .map(([address, length]) => parsePrefix(`${dotted(address)}/${length}`)!);

test("prefixes are cut to their length, and print canonically", (t) => {
  t.is(formatPrefix(parsePrefix("10.1.2.3/8")!), "10.0.0.0/8");
  t.is(formatPrefix(parsePrefix("10.1.2.3")!), "10.1.2.3/32");
  t.is(formatPrefix(parsePrefix("255.255.255.255/0")!), "0.0.0.0/0");
  for (const text of [
    "",
    "10.0.0.1/33",
    "10.0.0.256",
    "10.0.0.1/",
    "10.0.0.1/-1",
    "::1",
    "10.0.0.1/8/8",
    " 10.0.0.1",
  ]) {
    t.is(parsePrefix(text), undefined, text);
  }
});

test("a prefix without another holds exactly the rest of its addresses", (t) => {
  fc.assert(
    fc.property(anyPrefix, anyPrefix, anyAddress, fc.boolean(), (whole, part, random, near) => {
      const address = near ? (whole.address.readUInt32BE(0) | (random & ~prefixMask(whole.length))) >>> 0 : random;
      const rest = prefixesWithout(whole, part);
      const wanted = holds(whole, address) && !holds(part, address);
      return rest.length <= 32 && rest.filter((prefix) => holds(prefix, address)).length === (wanted ? 1 : 0);
    }),
    { numRuns: 20_000 },
  );
  t.pass();
});

test("containing agrees with the addresses", (t) => {
  fc.assert(
    fc.property(anyPrefix, anyPrefix, (outer, inner) => {
      const first = inner.address.readUInt32BE(0);
      const last = (first | ~prefixMask(inner.length)) >>> 0;
      return containsPrefix(outer, inner) === (holds(outer, first) && holds(outer, last));
    }),
    { numRuns: 5000 },
  );
  t.pass();
});

function holds(prefix: Ipv4Prefix, address: number): boolean {
  return (address & prefixMask(prefix.length)) >>> 0 === prefix.address.readUInt32BE(0);
}

function dotted(address: number): string {
  return [24, 16, 8, 0].map((shift) => (address >>> shift) & 0xff).join(".");
}
