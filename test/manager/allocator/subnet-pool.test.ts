import test from "ava";
import { formatRange, parseRange } from "../../../src/manager/allocator/ip-range.js";
import { SubnetPool } from "../../../src/manager/allocator/subnet-pool.js";
import { VxlanIds } from "../../../src/manager/allocator/vxlan-ids.js";

const range = (text: string) => parseRange(text)!;

test("subnets come in order, around chosen ones, and a freed one is found after the pool's end", (t) => {
  const pool = new SubnetPool([{ pool: range("10.0.0.0/22"), subnetLength: 24 }]);
  pool.claim("chosen", range("10.0.1.128/25"));
  t.is(formatRange(pool.take("a", 4)), "10.0.0.0/24");
  t.is(formatRange(pool.take("b", 4)), "10.0.2.0/24");
  t.is(formatRange(pool.take("c", 4)), "10.0.3.0/24");
  t.throws(() => pool.take("d", 4), { message: /no free IPv4 subnet/ });
  pool.release("chosen");
  t.is(formatRange(pool.take("d", 4)), "10.0.1.0/24");
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
    ["a", "b", "c"].map((owner) => formatRange(pool.take(owner, 4))),
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
