import test from "ava";
import fc from "fast-check";
import type { VirtualService } from "../../../ipvs/load-balancer.js";
import { planChange, planLook, shardsAfter } from "../../../ipvs/nftables/family-tables.js";
import { firstSlotOf, shardOf, slotOfKey } from "../../../ipvs/nftables/layout.js";
import { countObjects, planNewTable, planTable, type TableOperation } from "../../../ipvs/nftables/table-plan.js";
import { EMPTY_TABLE, type TableState, wantedTable } from "../../../ipvs/nftables/table-state.js";
import { serviceChanges } from "../../../ipvs/service-changes.js";
import { slotsOf } from "../../../ipvs/slots.js";
import { A, A6, B, B6, C, TCP80, web, web6 } from "../services.js";

const plan = (before: readonly VirtualService[], after: readonly VirtualService[], shards = ALL) =>
  planTable(wantedTable(before), wantedTable(after), new Set(shards)).map(text);
const ALL = Array.from({ length: 64 }, (_, index) => index);

/** `add-elements 44: 65536 = 10.77.0.11`. */
function text(operation: TableOperation): string {
  const { kind, ...rest } = operation;
  if ("elements" in operation) {
    const elements = operation.elements.map(({ key, value }) => (value === undefined ? `${key}` : `${key} = ${value}`));
    return `${kind} ${operation.set}: ${elements.join(", ")}`;
  }
  return [kind, ...Object.values(rest)].join(" ");
}

const SHARD = 300 & 63;
const FIRST = firstSlotOf(300);
const row = slotsOf(web(300, { [A]: 1, [B]: 1 }));

test("a new service: its map, its chain, its rule, its slots, and the way to it", (t) => {
  t.deepEqual(plan([], [web(300, { [A]: 1, [B]: 1 }, { published: TCP80 })], []), [
    `add-shard ${SHARD}`,
    "add-chain 300",
    "add-rule 300 web300 2",
    "add-elements virtual-services: 10.99.0.0 = 300",
    "add-elements published-services: tcp/80 = 300",
    "add-elements virtual-addresses: 10.99.0.0",
    `add-elements ${SHARD}: ${FIRST} = ${row[0]}, ${FIRST + 1} = ${row[1]}`,
  ]);
});

test("a service that goes: the way to it, its slots, its chain", (t) => {
  t.deepEqual(plan([web(300, { [A]: 1 })], []), [
    "delete-elements virtual-services: 10.99.0.0 = 300",
    "delete-elements virtual-addresses: 10.99.0.0",
    `delete-elements ${SHARD}: ${FIRST} = ${A}`,
    "empty-chain 300",
    "delete-chain 300",
  ]);
});

test("a destination replaced: one slot", (t) => {
  t.deepEqual(plan([web(300, { [A]: 1 })], [web(300, { [B]: 1 })]), [
    `delete-elements ${SHARD}: ${FIRST} = ${A}`,
    `add-elements ${SHARD}: ${FIRST} = ${B}`,
  ]);
});

test("a destination more: the rule counts further", (t) => {
  const operations = plan([web(300, { [A]: 1 })], [web(300, { [A]: 1, [B]: 1 })]);
  t.true(operations.includes("empty-chain 300"));
  t.true(operations.includes("add-rule 300 web300 2"));
  t.true(operations.indexOf("empty-chain 300") < operations.indexOf("add-rule 300 web300 2"));
});

test("the last destination drains: no chain, no way, the port refused, the virtual address still guarded", (t) => {
  t.deepEqual(plan([web(300, { [A]: 1 }, { published: TCP80 })], [web(300, { [A]: 0 }, { published: TCP80 })]), [
    "delete-elements virtual-services: 10.99.0.0 = 300",
    "delete-elements published-services: tcp/80 = 300",
    `delete-elements ${SHARD}: ${FIRST} = ${A}`,
    "empty-chain 300",
    "delete-chain 300",
    "add-elements refused-ports: tcp/80",
  ]);
});

test("a virtual address that goes from one service to another is replaced in the one transaction", (t) => {
  const operations = plan([web(300, { [A]: 1 })], [web(301, { [A]: 1 }, { virtual: web(300, {}).virtual })]);
  t.true(operations.includes("delete-elements virtual-services: 10.99.0.0 = 300"));
  t.true(operations.includes("add-elements virtual-services: 10.99.0.0 = 301"));
  t.false(operations.some((operation) => operation.includes("virtual-addresses")));
});

test("a damaged service: a chain without our rule, a slot missing, a chain missing", (t) => {
  const wanted = wantedTable([web(300, { [A]: 1, [B]: 1 })]);
  const damaged = (over: object): TableState => ({
    ...wanted,
    services: new Map([[300, { ...wanted.services.get(300)!, ...over }]]),
  });
  const mend = (actual: TableState) => planTable(actual, wanted, new Set(ALL)).map(text);
  t.deepEqual(mend(damaged({ modulus: 0 })), ["empty-chain 300", "add-rule 300 web300 2"]);
  t.deepEqual(mend(damaged({ slots: [undefined, row[1]] })), [`add-elements ${SHARD}: ${FIRST} = ${row[0]}`]);
  t.deepEqual(mend(damaged({ slots: [...row, C] })), [`delete-elements ${SHARD}: ${FIRST + 2} = ${C}`]);
  t.deepEqual(mend(damaged({ chain: false, modulus: 0 })), ["add-chain 300", "add-rule 300 web300 2"]);
});

test("a new table begins with what always stands; one in its place goes in the same transaction", (t) => {
  t.deepEqual(planNewTable(EMPTY_TABLE, false).map(text), ["add-table"]);
  t.deepEqual(planNewTable(EMPTY_TABLE, true).map(text), ["delete-table", "add-table"]);
});

const NO_SHARDS = { ip: new Set<number>(), ip6: new Set<number>() };
const [ONE, SIX, SEVEN] = [web(300, { [A]: 1 }), web6(301, { [A6]: 1 }), web6(302, {})];
const families: readonly {
  readonly title: string;
  readonly before: readonly VirtualService[];
  readonly after: readonly VirtualService[];
  readonly ip6: readonly string[];
}[] = [
  {
    title: "the first service of IPv6 brings its table",
    before: [ONE],
    after: [ONE, SIX],
    ip6: [
      "add-table",
      `add-shard ${shardOf(301)}`,
      "add-chain 301",
      "add-rule 301 web301/6 1",
      "add-elements virtual-services: fd00:99::2 = 301",
      "add-elements virtual-addresses: fd00:99::2",
      `add-elements ${shardOf(301)}: ${firstSlotOf(301)} = ${A6}`,
    ],
  },
  {
    title: "another brings its part",
    before: [SIX],
    after: [SIX, SEVEN],
    ip6: ["add-elements virtual-addresses: fd00:99::3"],
  },
  {
    title: "one of two goes",
    before: [SIX, SEVEN],
    after: [SIX],
    ip6: ["delete-elements virtual-addresses: fd00:99::3"],
  },
  { title: "the last one takes the table away", before: [ONE, SIX], after: [ONE], ip6: ["delete-table"] },
  { title: "IPv4 alone asks for nothing", before: [], after: [ONE], ip6: [] },
  {
    title: "a destination replaced: one slot",
    before: [ONE, SIX],
    after: [ONE, web6(301, { [B6]: 1 })],
    ip6: [
      `delete-elements ${shardOf(301)}: ${firstSlotOf(301)} = ${A6}`,
      `add-elements ${shardOf(301)}: ${firstSlotOf(301)} = ${B6}`,
    ],
  },
];
for (const { title, before, after, ip6 } of families) {
  test(`tables by family: ${title}`, (t) => {
    const shards = shardsAfter(
      NO_SHARDS,
      planChange(serviceChanges([], before), { services: [], shards: NO_SHARDS }, before),
    );
    const changes = planChange(serviceChanges(before, after), { services: before, shards }, after);
    t.deepEqual(changes.find(({ family }) => family === "ip6")?.operations.map(text), [...ip6]);
    const hasMaps = after.some(
      ({ virtual, destinations }) => virtual!.address.includes(":") && destinations.length > 0,
    );
    t.deepEqual([...shardsAfter(shards, changes).ip6], hasMaps ? [shardOf(301)] : []);
  });
}

test("a table of IPv6 that nobody wants goes; one that is missing comes", (t) => {
  const table = (exists: boolean) => ({ exists, intact: exists, shards: new Set<number>(), state: EMPTY_TABLE });
  const look = (exists: boolean, wanted: readonly VirtualService[]) =>
    planLook({ ip: table(true), ip6: table(exists) }, wanted)[1]!.operations.map(text);
  t.deepEqual(look(true, [ONE]), ["delete-table"]);
  t.deepEqual(look(false, [ONE]), []);
  t.is(look(false, [SEVEN])[0], "add-table");
  t.deepEqual(look(true, [SEVEN]), ["add-elements virtual-addresses: fd00:99::3"]);
});

test("nothing to do is nothing, and objects are counted one by one", (t) => {
  const services = [web(300, { [A]: 1, [B]: 2 }, { published: TCP80 }), web(301, {})];
  t.deepEqual(plan(services, services), []);
  t.is(countObjects(planTable(EMPTY_TABLE, wantedTable([web(300, { [A]: 1, [B]: 1 })]), new Set(ALL))), 6);
});

test("slots of different services never share a key", (t) => {
  fc.assert(
    fc.property(fc.integer({ min: 256, max: 65535 * 256 }), fc.integer({ min: 0, max: 16383 }), (mark, index) => {
      const key = firstSlotOf(mark) + index;
      t.true(key <= 0xffffffff);
      t.deepEqual(slotOfKey(shardOf(mark), key), { mark, index });
    }),
  );
});
