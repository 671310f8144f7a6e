/** The checker finds fault with bad histories, each kind by name, and with no good one. */
import test from "ava";
import { checkLinearizable } from "./check.js";
import type { Operation } from "./history.js";
import { type RegisterInput, type RegisterOutput, registerModel } from "./register-model.js";
import { type ObjectInput, type ObjectOutput, versionedObjectModel } from "./versioned-object-model.js";

type Step<Input, Output> = readonly [client: string, calledAt: number, answeredAt: number | "?", Input, Output?];

function history<Input, Output>(steps: readonly Step<Input, Output>[]): Operation<Input, Output>[] {
  return steps.map(([client, calledAt, answeredAt, input, output]) => ({
    client,
    key: "k",
    calledAt,
    answeredAt: answeredAt === "?" ? undefined : answeredAt,
    input,
    output: answeredAt === "?" ? undefined : output,
  }));
}

const read: RegisterInput = { kind: "read" };
const value = (text: string | null): RegisterOutput => ({ kind: "value", value: text });
const write = (text: string): RegisterInput => ({ kind: "write", value: text });
const cas = (expected: string | null, text: string): RegisterInput => ({ kind: "cas", expected, value: text });
const written: RegisterOutput = { kind: "written" };
const swapped: RegisterOutput = { kind: "swapped" };
const differs: RegisterOutput = { kind: "differs" };

type RegisterSteps = readonly Step<RegisterInput, RegisterOutput>[];

const GOOD_REGISTERS: Readonly<Record<string, RegisterSteps>> = {
  "one after the other": [
    ["a", 0, 1, write("1"), written],
    ["a", 2, 3, read, value("1")],
  ],
  "a read during a write sees either value": [
    ["a", 0, 10, write("1"), written],
    ["b", 1, 2, read, value(null)],
    ["c", 3, 4, read, value("1")],
  ],
  "two writes at once, in the order that the reads tell": [
    ["a", 0, 10, write("1"), written],
    ["b", 0, 10, write("2"), written],
    ["c", 11, 12, read, value("1")],
  ],
  "a lost answer: the write happened": [
    ["a", 0, "?", write("1")],
    ["b", 5, 6, read, value("1")],
  ],
  "a lost answer: the write never happened": [
    ["a", 0, "?", write("1")],
    ["b", 5, 6, read, value(null)],
  ],
  "a lost answer: the write happens long after": [
    ["a", 0, "?", write("1")],
    ["b", 5, 6, write("2"), written],
    ["b", 7, 8, read, value("2")],
    ["b", 9, 10, read, value("1")],
  ],
  "one of two swaps wins": [
    ["a", 0, 10, cas(null, "1"), swapped],
    ["b", 0, 10, cas(null, "2"), differs],
    ["c", 11, 12, read, value("1")],
  ],
  "a swap fails because of a write that nobody else saw": [
    ["a", 0, "?", write("1")],
    ["b", 2, 3, cas(null, "2"), differs],
  ],
};

const BAD_REGISTERS: Readonly<Record<string, RegisterSteps>> = {
  "stale read": [
    ["a", 0, 1, write("1"), written],
    ["a", 2, 3, write("2"), written],
    ["b", 4, 5, read, value("1")],
  ],
  "lost write": [
    ["a", 0, 1, write("1"), written],
    ["b", 2, 3, read, value(null)],
  ],
  "a write that is visible, and then is not": [
    ["a", 0, 20, write("1"), written],
    ["b", 1, 2, read, value("1")],
    ["c", 3, 4, read, value(null)],
  ],
  "the same, of a write with an unknown outcome": [
    ["a", 0, "?", write("1")],
    ["b", 1, 2, read, value("1")],
    ["c", 3, 4, read, value(null)],
  ],
  "both swaps win": [
    ["a", 0, 10, cas(null, "1"), swapped],
    ["b", 0, 10, cas(null, "2"), swapped],
  ],
  "a read from the future": [
    ["b", 0, 1, read, value("1")],
    ["a", 2, 3, write("1"), written],
  ],
  "a value that nobody wrote": [
    ["a", 0, 1, write("1"), written],
    ["b", 2, 3, read, value("3")],
  ],
  "two readers that disagree about the order": [
    ["a", 0, 100, write("1"), written],
    ["b", 0, 100, write("2"), written],
    ["c", 1, 2, read, value("1")],
    ["c", 3, 4, read, value("2")],
    ["d", 5, 6, read, value("1")],
  ],
  "a swap that fails although nothing was in its way": [
    ["a", 0, 1, write("1"), written],
    ["b", 2, 3, cas("1", "2"), differs],
  ],
  "an unknown write that happens twice": [
    ["a", 0, "?", write("1")],
    ["b", 1, 2, read, value("1")],
    ["b", 3, 4, write("2"), written],
    ["b", 5, 6, read, value("1")],
  ],
};

for (const [name, steps] of Object.entries(GOOD_REGISTERS)) {
  test(`a register may do so: ${name}`, (t) => {
    const verdict = checkLinearizable(registerModel, history(steps));
    t.true(verdict.ok, verdict.ok ? "" : verdict.text);
  });
}

for (const [name, steps] of Object.entries(BAD_REGISTERS)) {
  test(`a register may not: ${name}`, (t) => {
    const verdict = checkLinearizable(registerModel, history(steps));
    t.false(verdict.ok);
    if (!verdict.ok) t.is(verdict.kind, "violation");
  });
}

const found = (text: string, version: number): ObjectOutput => ({ kind: "found", value: text, version });
const absent: ObjectOutput = { kind: "absent" };
const done = (version?: number): ObjectOutput => ({ kind: "done", version });
const refused = (reason: "exists" | "not-found" | "out-of-sequence"): ObjectOutput => ({ kind: "refused", reason });
const look: ObjectInput = { kind: "read" };
const create = (text: string): ObjectInput => ({ kind: "create", value: text });
const update = (text: string, ifVersion?: number): ObjectInput => ({ kind: "update", value: text, ifVersion });
const put = (text: string): ObjectInput => ({ kind: "put", value: text });
const swap = (text: string): ObjectInput => ({ kind: "swap", value: text });
const swappedFrom = (from: number): ObjectOutput => ({ kind: "swapped", from });
const remove = (ifVersion?: number): ObjectInput => ({ kind: "remove", ifVersion });

type ObjectSteps = readonly Step<ObjectInput, ObjectOutput>[];

const GOOD_OBJECTS: Readonly<Record<string, ObjectSteps>> = {
  "a life": [
    ["a", 0, 1, look, absent],
    ["a", 2, 3, create("1"), done(7)],
    ["a", 4, 5, create("x"), refused("exists")],
    ["a", 6, 7, update("2", 7), done(9)],
    ["a", 8, 9, update("3", 7), refused("out-of-sequence")],
    ["a", 10, 11, look, found("2", 9)],
    ["a", 12, 13, remove(9), done()],
    ["a", 14, 15, update("4"), refused("not-found")],
    ["a", 16, 17, create("5"), done(12)],
  ],
  "a version that is told later": [
    ["a", 0, 1, create("1"), done()],
    ["b", 2, 3, look, found("1", 5)],
    ["c", 4, 5, update("2", 5), done()],
    ["b", 6, 7, look, found("2", 6)],
  ],
  "puts and swaps": [
    ["a", 0, 1, swap("0"), refused("not-found")],
    ["a", 2, 3, put("1"), done(1)],
    ["a", 4, 5, put("2"), done()],
    ["a", 6, 9, swap("3"), swappedFrom(4)],
    ["b", 6, 9, swap("4"), swappedFrom(5)],
    ["a", 10, 11, look, found("4", 6)],
  ],
  "an unknown update explains a refusal": [
    ["a", 0, 1, create("1"), done(1)],
    ["b", 2, "?", update("2", 1)],
    ["a", 3, 4, update("3", 1), refused("out-of-sequence")],
    ["a", 5, 6, look, found("2", 4)],
  ],
};

const BAD_OBJECTS: Readonly<Record<string, ObjectSteps>> = {
  "two updates of one version": [
    ["a", 0, 1, create("1"), done(1)],
    ["a", 2, 9, update("2", 1), done()],
    ["b", 2, 9, update("3", 1), done()],
  ],
  "two swaps of one version": [
    ["a", 0, 1, put("1"), done(1)],
    ["a", 2, 9, swap("2"), swappedFrom(1)],
    ["b", 2, 9, swap("3"), swappedFrom(1)],
  ],
  "a version that falls": [
    ["a", 0, 1, create("1"), done(5)],
    ["a", 2, 3, update("2"), done(4)],
  ],
  "a version that falls over a removal": [
    ["a", 0, 1, create("1"), done(5)],
    ["a", 2, 3, remove(), done()],
    ["a", 4, 5, create("2"), done()],
    ["a", 6, 7, look, found("2", 3)],
  ],
  "one value under two versions": [
    ["a", 0, 1, create("1"), done()],
    ["a", 2, 3, look, found("1", 5)],
    ["a", 4, 5, look, found("1", 6)],
  ],
  "an object that comes back": [
    ["a", 0, 1, create("1"), done(1)],
    ["a", 2, 3, remove(1), done()],
    ["b", 4, 5, look, found("1", 1)],
  ],
  "two creations": [
    ["a", 0, 9, create("1"), done()],
    ["b", 0, 9, create("2"), done()],
  ],
  "a refusal without a reason": [
    ["a", 0, 1, create("1"), done(1)],
    ["a", 2, 3, update("2", 1), refused("out-of-sequence")],
  ],
};

for (const [name, steps] of Object.entries(GOOD_OBJECTS)) {
  test(`a versioned object may do so: ${name}`, (t) => {
    const verdict = checkLinearizable(versionedObjectModel, history(steps));
    t.true(verdict.ok, verdict.ok ? "" : verdict.text);
  });
}

for (const [name, steps] of Object.entries(BAD_OBJECTS)) {
  test(`a versioned object may not: ${name}`, (t) => {
    t.false(checkLinearizable(versionedObjectModel, history(steps)).ok);
  });
}

test("a refusal names the first answer that nothing explains, and what was around it", (t) => {
  const steps: RegisterSteps = [
    ["a", 0, 1, write("1"), written],
    ["a", 2, 3, write("2"), written],
    ["c", 3.5, 20, write("3"), written],
    ["b", 4, 5, read, value("1")],
    ["b", 6, 7, read, value("9")],
  ];
  const verdict = checkLinearizable(registerModel, history(steps));
  t.false(verdict.ok);
  if (verdict.ok) return;
  t.is(verdict.offender?.calledAt, 4);
  t.deepEqual(
    verdict.window.map((one) => one.client),
    ["c", "b"],
  );
  t.deepEqual(
    verdict.before.map((one) => one.calledAt),
    [0, 2],
  );
  t.is(
    verdict.text,
    [
      "key k: no order of the operations explains the answer of",
      "  4 – 5  b  read: 1",
      "One order of what was answered before it:",
      "  0 – 1  a  write 1: written",
      "  2 – 3  a  write 2: written",
      "  leads to: 2",
      "What ran at the same time, or may have, and is not in it:",
      "  3.5 – 20  c  write 3: written",
    ].join("\n"),
  );
});

test("keys have nothing to do with each other, and the bad one is named", (t) => {
  const good = history(GOOD_REGISTERS["one after the other"]!);
  const bad = history(BAD_REGISTERS["stale read"]!).map((one) => ({ ...one, key: "other" }));
  const verdict = checkLinearizable(registerModel, [...good, ...bad]);
  t.is(verdict.ok ? "" : verdict.key, "other");
});

test("a search that takes too long says so, and claims nothing", (t) => {
  const steps: RegisterSteps = [
    ...Array.from({ length: 12 }, (_, n) => [`c${n}`, 0, 100, write(String(n)), written] as const),
    ["r", 101, 102, read, value("none of them")],
  ];
  const verdict = checkLinearizable(registerModel, history(steps), { maxPlaces: 100 });
  t.is(verdict.ok ? "" : verdict.kind, "undecided");
});
