import test from "ava";
import fc from "fast-check";
import {
  contains,
  formatIp,
  formatRange,
  includes,
  overlaps,
  parseAddress,
  parseRange,
  rangeAround,
} from "../../../src/manager/allocator/ip-range.js";

test("text that is no subnet is not read as one", (t) => {
  const wrong = ["10.0.0.0", "10.0.0.1/24", "10.0.0.0/33", "10.0.0/24", "a/8", "10.0.0.0/", "10.0.0.0/08"];
  for (const text of [...wrong, "fd00::1/64", "fd00::/129", "fd00::", "fd00:::/64", "::/64/64", "fd00::/ 64", "/64"]) {
    t.is(parseRange(text), undefined, text);
  }
});

test("subnets of both families", (t) => {
  const four = parseRange("10.0.1.0/24")!;
  t.deepEqual([four.first, four.last], [0x0a000100n, 0x0a0001ffn]);
  const six = parseRange("fd00:1::/64")!;
  t.is(six.last - six.first, 2n ** 64n - 1n);
  t.is(formatRange(six), "fd00:1::/64");
  t.is(formatRange(rangeAround("fd00:1::5:0:0:7/64")!), "fd00:1::/64");
  t.is(formatRange(rangeAround("10.0.1.77/30")!), "10.0.1.76/30");
  t.true(contains(six, parseAddress("fd00:1::ffff")!));
  t.false(contains(four, parseAddress("::a00:101")!), "the number is the same, the family is not");
  t.false(overlaps(parseRange("0.0.0.0/0")!, parseRange("::/0")!));
  t.true(overlaps(parseRange("fd00::/16")!, six));
  t.true(includes(parseRange("fd00::/16")!, six));
  t.false(includes(six, parseRange("fd00::/16")!));
});

test("an address is the same after it was written and read", (t) => {
  t.notThrows(() =>
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 128n - 1n }), (value) => {
        const four = value & 0xffffffffn;
        return (
          parseAddress(formatIp(6, value))?.value === value &&
          parseAddress(`${formatIp(6, value)}/64`)?.value === value &&
          parseAddress(formatIp(4, four))?.value === four
        );
      }),
    ),
  );
});
