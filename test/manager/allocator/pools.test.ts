import test from "ava";
import fc from "fast-check";
import { ADDRESS_REST_MS, AddressPool } from "../../../src/manager/allocator/address-pool.js";
import { formatAddress, formatRange, parseAddress, parseRange } from "../../../src/manager/allocator/ipv4-range.js";
import { SparseBitmap } from "../../../src/manager/allocator/sparse-bitmap.js";
import { SubnetPool } from "../../../src/manager/allocator/subnet-pool.js";
import { VxlanIds } from "../../../src/manager/allocator/vxlan-ids.js";

const range = (text: string) => parseRange(text)!;
const address = (text: string) => parseAddress(text)!;
const poolOf = (subnet: string, part = subnet, excluded: readonly string[] = []) =>
  new AddressPool(range(subnet), range(part), excluded.map(address));

test("a bitmap says what a set of numbers says", (t) => {
  const SIZE = 40_000;
  const index = fc.oneof(fc.integer({ min: 0, max: SIZE - 1 }), fc.integer({ min: 0, max: 70 }));
  const run = fc.tuple(index, fc.integer({ min: 1, max: 3000 }), fc.boolean());
  t.notThrows(() =>
    fc.assert(
      fc.property(fc.array(run, { maxLength: 20 }), index, (runs, from) => {
        const bitmap = new SparseBitmap(SIZE);
        const members = new Set<number>();
        for (const [start, length, add] of runs) {
          for (let i = start; i < Math.min(start + length, SIZE); i++) {
            if (add) {
              bitmap.add(i);
              members.add(i);
            } else {
              bitmap.delete(i);
              members.delete(i);
            }
          }
        }
        let expected: number | undefined = from;
        while (members.has(expected)) expected++;
        if (expected >= SIZE) expected = undefined;
        return bitmap.nextAbsent(from, SIZE) === expected && bitmap.has(from) === members.has(from);
      }),
      { numRuns: 60 },
    ),
  );
});

test("a full bitmap of 2^24 has no gap but the one that was made", (t) => {
  const bitmap = new SparseBitmap(1 << 20);
  for (let i = 0; i < 1 << 20; i++) bitmap.add(i);
  t.is(bitmap.nextAbsent(0, 1 << 20), undefined);
  bitmap.delete(777_777);
  t.is(bitmap.nextAbsent(0, 1 << 20), 777_777);
  t.is(bitmap.nextAbsent(777_778, 1 << 20), undefined);
});

test("addresses come in order, without the network's, the broadcast and the excluded ones", (t) => {
  const pool = poolOf("10.0.1.0/29", undefined, ["10.0.1.1"]);
  const taken = Array.from({ length: 6 }, () => pool.take(0));
  t.deepEqual(
    taken.map((one) => one && formatAddress(one, 29)),
    ["10.0.1.2/29", "10.0.1.3/29", "10.0.1.4/29", "10.0.1.5/29", "10.0.1.6/29", undefined],
  );
});

test("a freed address rests for a minute, and is then the one that is found", (t) => {
  const pool = poolOf("10.0.1.0/29", undefined, ["10.0.1.1"]);
  for (let i = 0; i < 5; i++) pool.take(0);
  pool.release(address("10.0.1.4"), 1000);
  t.is(pool.take(1000), undefined);
  t.is(pool.nextWakeMs(1000), 1000 + ADDRESS_REST_MS);
  t.is(pool.take(999 + ADDRESS_REST_MS), undefined);
  t.is(pool.take(1000 + ADDRESS_REST_MS), address("10.0.1.4"));
});

test("only the asked-for part of a subnet is given out, others may be claimed", (t) => {
  const pool = poolOf("10.0.0.0/16", "10.0.5.0/30");
  t.deepEqual(
    [pool.take(0), pool.take(0), pool.take(0), pool.take(0), pool.take(0)].map((one) => one && formatAddress(one, 16)),
    ["10.0.5.0/16", "10.0.5.1/16", "10.0.5.2/16", "10.0.5.3/16", undefined],
  );
  pool.claim(address("10.0.9.9"));
  t.throws(() => pool.claim(address("10.0.9.9")), { message: "the address is in use" });
  t.throws(() => pool.claim(address("10.1.0.1")), { message: "the address lies outside of the subnet" });
});

test("no address is held twice, and none comes back before its rest is over", (t) => {
  const step = fc.record({ release: fc.boolean(), pick: fc.nat(), pauseMs: fc.integer({ min: 0, max: 40_000 }) });
  t.notThrows(() =>
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const pool = poolOf("10.0.1.0/28");
        const held: number[] = [];
        const freedAt = new Map<number, number>();
        let now = 0;
        for (const { release, pick, pauseMs } of steps) {
          now += pauseMs;
          if (release && held.length > 0) {
            const [one] = held.splice(pick % held.length, 1);
            pool.release(one!, now);
            freedAt.set(one!, now);
            continue;
          }
          const one = pool.take(now);
          if (one === undefined) continue;
          if (held.includes(one)) return false;
          if (now - (freedAt.get(one) ?? Number.NEGATIVE_INFINITY) < ADDRESS_REST_MS) return false;
          held.push(one);
        }
        return true;
      }),
    ),
  );
});

test("subnets come in order, around chosen ones, and a freed one is found after the pool's end", (t) => {
  const pool = new SubnetPool([{ pool: range("10.0.0.0/22"), subnetLength: 24 }]);
  pool.claim("chosen", range("10.0.1.128/25"));
  t.is(formatRange(pool.take("a")), "10.0.0.0/24");
  t.is(formatRange(pool.take("b")), "10.0.2.0/24");
  t.is(formatRange(pool.take("c")), "10.0.3.0/24");
  t.throws(() => pool.take("d"), { message: /no free subnet/ });
  pool.release("chosen");
  t.is(formatRange(pool.take("d")), "10.0.1.0/24");
});

test("overlapping subnets are refused, with the holder's name", (t) => {
  const pool = new SubnetPool([]);
  pool.claim("shop", range("10.9.0.0/16"));
  for (const other of ["10.9.4.0/24", "10.8.0.0/15", "10.9.0.0/16", "0.0.0.0/0"]) {
    t.throws(() => pool.claim("back", range(other)), { message: /overlaps 10\.9\.0\.0\/16 of network shop/ }, other);
  }
  pool.claim("back", range("10.10.0.0/16"));
  t.is(pool.holderOf(range("10.10.1.0/24")), "back");
});

test("two pools are used one after the other", (t) => {
  const pool = new SubnetPool([
    { pool: range("10.0.0.0/24"), subnetLength: 25 },
    { pool: range("192.168.0.0/24"), subnetLength: 26 },
  ]);
  t.deepEqual(
    ["a", "b", "c"].map((owner) => formatRange(pool.take(owner))),
    ["10.0.0.0/25", "10.0.0.128/25", "192.168.0.0/26"],
  );
});

test("text that is no subnet is not read as one", (t) => {
  for (const text of ["10.0.0.0", "10.0.0.1/24", "10.0.0.0/33", "10.0.0/24", "a/8", "10.0.0.0/", "10.0.0.0/08"]) {
    t.is(parseRange(text), undefined, text);
  }
});

test("VXLAN ids begin at 4096, in order, around chosen ones", (t) => {
  const ids = new VxlanIds();
  ids.claim(4097);
  t.deepEqual([ids.take(), ids.take()], [4096, 4098]);
  t.throws(() => ids.claim(4098), { message: /belongs to another network/ });
});
