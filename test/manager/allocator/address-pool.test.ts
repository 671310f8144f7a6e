import test from "ava";
import { AddressPool } from "../../../src/manager/allocator/address-pool.js";
import { parseAddress, parseRange } from "../../../src/manager/allocator/ip-range.js";
import { ADDRESS_REST_MS } from "../../../src/manager/allocator/offset-pool.js";

const range = (text: string) => parseRange(text)!;

function poolOf(subnet: string, part = subnet, excluded: readonly string[] = []): AddressPool {
  const pool = new AddressPool(
    range(subnet),
    range(part),
    excluded.map((text) => parseAddress(text)!),
  );
  pool.begin();
  return pool;
}

test("addresses come in order, without the network's, the broadcast and the excluded ones", (t) => {
  const pool = poolOf("10.0.1.0/29", undefined, ["10.0.1.1"]);
  const taken = Array.from({ length: 6 }, () => pool.take(0));
  t.deepEqual(taken, ["10.0.1.2/29", "10.0.1.3/29", "10.0.1.4/29", "10.0.1.5/29", "10.0.1.6/29", undefined]);
});

test("a freed address rests for a minute, and is then the one that is found", (t) => {
  const pool = poolOf("10.0.1.0/29", undefined, ["10.0.1.1"]);
  for (let i = 0; i < 5; i++) pool.take(0);
  pool.release("10.0.1.4", 1000);
  t.is(pool.take(1000), undefined);
  t.is(pool.nextWakeMs(1000), 1000 + ADDRESS_REST_MS);
  t.is(pool.take(999 + ADDRESS_REST_MS), undefined);
  t.is(pool.take(1000 + ADDRESS_REST_MS), "10.0.1.4/29");
});

test("only the asked-for part of a subnet is given out, others may be claimed", (t) => {
  const pool = poolOf("10.0.0.0/16", "10.0.5.0/30");
  t.deepEqual(
    [pool.take(0), pool.take(0), pool.take(0), pool.take(0), pool.take(0)],
    ["10.0.5.0/16", "10.0.5.1/16", "10.0.5.2/16", "10.0.5.3/16", undefined],
  );
  pool.claim("10.0.9.9");
  t.throws(() => pool.claim("10.0.9.9"), { message: "the address is in use" });
  t.throws(() => pool.claim("10.1.0.1"), { message: "the address lies outside of the subnet" });
});

test("an address that is asked for is had when it is free and has rested, within the given part or not", (t) => {
  for (const wanted of ["10.0.5.2", "10.0.9.9"]) {
    const pool = poolOf("10.0.0.0/16", "10.0.5.0/29");
    t.is(pool.takeChosen(wanted, 0), `${wanted}/16`);
    t.throws(() => pool.takeChosen(wanted, 0), { message: "the address is in use" });
    t.is(pool.takeChosen("10.0.5.7", 0), "10.0.5.7/16", "a spare one too");
    t.notRegex(pool.spare, /7/);
    pool.release(wanted, 0);
    t.throws(() => pool.takeChosen(wanted, ADDRESS_REST_MS - 1), { message: /rests for a minute/ });
    t.is(pool.takeChosen(wanted, ADDRESS_REST_MS), `${wanted}/16`);
    pool.giveBack(wanted, ADDRESS_REST_MS);
    t.is(pool.takeChosen(wanted, ADDRESS_REST_MS), `${wanted}/16`);
  }
  t.throws(() => poolOf("10.0.0.0/16", undefined, ["10.0.0.1"]).takeChosen("10.0.0.1", 0), {
    message: "the address is in use",
  });
});

test("an IPv6 subnet is given out from its beginning, in small steps of a space that is never listed", (t) => {
  const pool = poolOf("fd00:1::/64", undefined, ["fd00:1::1"]);
  t.deepEqual([pool.take(0), pool.take(0)], ["fd00:1::2/64", "fd00:1::3/64"]);
  pool.claim("fd00:1::abcd:0:0:7");
  t.throws(() => pool.claim("fd00:1::abcd:0:0:7"), { message: "the address is in use" });
  t.throws(() => pool.claim("10.0.0.1"), { message: "the address lies outside of the subnet" });
  pool.release("fd00:1::2", 0);
  t.is(pool.take(0), "fd00:1::4/64");
});

test("a pool of the next leader gives out what was spare, and the rest after a minute", (t) => {
  const before = poolOf("10.0.1.0/24", undefined, ["10.0.1.1"]);
  const held = before.take(0)!;
  t.is(before.spare, "121-127,136-254", "half of them, from the end on");
  const after = new AddressPool(range("10.0.1.0/24"), range("10.0.1.0/24"), [parseAddress("10.0.1.1")!]);
  after.restore(before.spare, 5000);
  after.claim(held);
  t.deepEqual([after.take(5000), after.take(5000)], ["10.0.1.121/24", "10.0.1.122/24"]);
  t.is(after.spare, "192-254", "half of them: another leader may follow soon");
  t.is(after.available(5000), 124);
  t.is(after.nextWakeMs(5000), 5000 + ADDRESS_REST_MS);
  t.is(after.available(5000 + ADDRESS_REST_MS), 250);
  t.throws(() => after.takeChosen("10.0.1.9", 5000), { message: /rests for a minute/ });
  t.is(after.takeChosen("10.0.1.9", 5000 + ADDRESS_REST_MS), "10.0.1.9/24");
});

test("addresses outside of the given part that were asked for are free again after their rest, however many they were", (t) => {
  const pool = poolOf("10.0.0.0/16", "10.0.5.0/29");
  const some = Array.from({ length: 3000 }, (_, i) => `10.0.${100 + (i >> 8)}.${i & 255}`);
  for (const address of some) {
    pool.takeChosen(address, 0);
    pool.release(address, 0);
  }
  t.throws(() => pool.takeChosen(some[0]!, 0), { message: /rests for a minute/ });
  for (const address of some) pool.takeChosen(address, ADDRESS_REST_MS);
  for (const address of some) pool.release(address, 2 * ADDRESS_REST_MS);
  t.throws(() => pool.takeChosen(some[0]!, 2 * ADDRESS_REST_MS), { message: /rests for a minute/ });
  t.throws(() => pool.takeChosen("10.0.0.0", 0), { message: "the address is in use" }, "the network's own");
});

test("a written list that makes no sense counts as none: all rests", (t) => {
  for (const spare of ["", "x", "5-4", "250-300", "0-16384"]) {
    const pool = new AddressPool(range("10.0.1.0/24"), range("10.0.1.0/24"), []);
    pool.restore(spare, 0);
    t.is(pool.take(ADDRESS_REST_MS - 1), undefined, spare);
    t.is(pool.take(ADDRESS_REST_MS), "10.0.1.1/24", spare);
  }
});
