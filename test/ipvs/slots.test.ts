import test from "ava";
import fc from "fast-check";
import { inNamespaceOrder, SLOTS_TARGET, slotCounts, slotsOf } from "../../ipvs/slots.js";
import { A, B, C, web } from "./services.js";

const counts: readonly { readonly weights: readonly number[]; readonly slots: readonly number[] }[] = [
  { weights: [1, 1, 1], slots: [1, 1, 1] },
  { weights: [100, 200, 300], slots: [1, 2, 3] },
  { weights: [3, 5], slots: [3, 5] },
  { weights: [1, 65535], slots: [1, 254] },
  { weights: [65535, 65534], slots: [128, 127] },
];
for (const { weights, slots } of counts) {
  test(`weights ${weights.join(", ")} take ${slots.join(", ")} slots`, (t) => t.deepEqual(slotCounts(weights), slots));
}

test("a destination that drains has no slot, and a service with none but those has no row", (t) => {
  t.deepEqual(slotsOf(web(300, { [A]: 0, [B]: 1 })), [B]);
  t.deepEqual(slotsOf(web(300, { [A]: 0 })), []);
  t.deepEqual(slotsOf(web(300, {})), []);
});

test("a heavy destination's slots are spread out", (t) => {
  const row = slotsOf(web(300, { [A]: 1, [B]: 1, [C]: 2 }));
  t.is(row.length, 4);
  t.false(row.join().includes(`${C},${C}`));
});

const weight = fc.oneof(fc.integer({ min: 0, max: 4 }), fc.integer({ min: 0, max: 65535 }));
const weights = fc
  .array(weight, { maxLength: 40 })
  .map((list) => Object.fromEntries(list.map((value, index) => [`10.1.0.${index + 1}`, value])));

test("every eligible destination has its share of a bounded row, however the list is ordered", (t) => {
  fc.assert(
    fc.property(weights, (shares) => {
      const service = web(300, shares);
      const row = slotsOf(service);
      const eligible = service.destinations.filter((destination) => destination.weight > 0);
      const sum = eligible.reduce((total, destination) => total + destination.weight, 0);
      t.true(row.length <= SLOTS_TARGET);
      t.deepEqual([...new Set(row)].sort(), eligible.map(({ address }) => address).sort());
      for (const { address, weight: share } of eligible) {
        const has = row.filter((entry) => entry === address).length;
        const due = (row.length * share) / sum;
        t.true(Math.abs(has - due) <= 1 + eligible.length, `${address} has ${has} of ${due}`);
      }
      t.deepEqual(slotsOf({ ...service, destinations: service.destinations.toReversed() }), row);
    }),
  );
});

test("more destinations than the row's target have one slot each", (t) => {
  const many = Object.fromEntries(
    Array.from({ length: 300 }, (_, index) => [`10.1.${index >> 8}.${index & 255}`, 1 + (index % 3)]),
  );
  const row = slotsOf(web(300, many));
  t.is(row.length, 300);
  t.is(new Set(row).size, 300);
});

test("namespaces begin with different destinations", (t) => {
  const first = Array.from({ length: 300 }, (_, index) => {
    const sourceAddress = `10.77.${index >> 8}.${index & 255}`;
    return inNamespaceOrder(
      web(300, { [A]: 1, [B]: 1, [C]: 1 }, { virtual: { address: "10.99.0.1", sourceAddress } }),
    )[0]!.address;
  });
  for (const address of [A, B, C]) {
    const share = first.filter((entry) => entry === address).length;
    t.true(share > 60 && share < 140, `${address} is first in ${share} of 300`);
  }
});
