import test from "ava";
import fc from "fast-check";
import { serviceChanges } from "../../ipvs/service-changes.js";
import { A, B, TCP80, web } from "./services.js";

const [one, two, three, four] = [web(300, { [A]: 1 }), web(301, {}), web(302, {}), web(303, {})];
const ids = (services: readonly { readonly id: string }[]) => services.map(({ id }) => id);

const tables = [
  { title: "the same list", before: [one, two], after: [one, two], removed: [], added: [], changed: [] },
  {
    title: "equal objects made anew",
    before: [one, two],
    after: structuredClone([one, two]),
    removed: [],
    added: [],
    changed: [],
  },
  { title: "from nothing", before: [], after: [one, two], removed: [], added: ["web300", "web301"], changed: [] },
  { title: "to nothing", before: [one, two], after: [], removed: ["web300", "web301"], added: [], changed: [] },
  {
    title: "one in the middle goes",
    before: [one, two, three],
    after: [one, three],
    removed: ["web301"],
    added: [],
    changed: [],
  },
  {
    title: "one in the middle comes",
    before: [one, three],
    after: [one, two, three],
    removed: [],
    added: ["web301"],
    changed: [],
  },
  { title: "another order", before: [one, two, three], after: [three, one, two], removed: [], added: [], changed: [] },
  {
    title: "one replaced, one moved, one changed",
    before: [one, two, three],
    after: [three, four, web(300, { [B]: 1 })],
    removed: ["web301"],
    added: ["web303"],
    changed: ["web300"],
  },
  { title: "a weight", before: [one], after: [web(300, { [A]: 0 })], removed: [], added: [], changed: ["web300"] },
  {
    title: "a port",
    before: [one],
    after: [web(300, { [A]: 1 }, { published: TCP80 })],
    removed: [],
    added: [],
    changed: ["web300"],
  },
  { title: "a mark", before: [one], after: [{ ...one, mark: 400 }], removed: [], added: [], changed: ["web300"] },
  {
    title: "the virtual address",
    before: [one],
    after: [{ ...one, virtual: undefined }],
    removed: [],
    added: [],
    changed: ["web300"],
  },
];

for (const { title, before, after, removed, added, changed } of tables) {
  test(title, (t) => {
    const changes = serviceChanges(before, after);
    t.deepEqual(ids(changes.removed).sort(), removed);
    t.deepEqual(ids(changes.added).sort(), added);
    t.deepEqual(ids(changes.changed.map((change) => change.after)), changed);
    t.true(changes.changed.every((change) => before.includes(change.before) && after.includes(change.after)));
  });
}

test("changes lead from any list to any other", (t) => {
  const service = fc.tuple(fc.integer({ min: 300, max: 309 }), fc.constantFrom(A, B));
  const list = fc
    .uniqueArray(service, { selector: ([mark]) => mark, maxLength: 10 })
    .map((entries) => entries.map(([mark, address]) => web(mark, { [address]: 1 })));
  fc.assert(
    fc.property(list, list, (before, after) => {
      const { removed, added, changed } = serviceChanges(before, after);
      const result = new Map(before.map((entry) => [entry.id, entry]));
      for (const { id } of removed) result.delete(id);
      for (const entry of [...added, ...changed.map((change) => change.after)]) result.set(entry.id, entry);
      t.deepEqual(new Map([...result].sort()), new Map(after.map((entry) => [entry.id, entry] as const).sort()));
      t.is(
        new Set([...ids(removed), ...ids(added), ...ids(changed.map((change) => change.after))]).size,
        removed.length + added.length + changed.length,
      );
    }),
  );
});
