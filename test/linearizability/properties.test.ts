/** The checker against histories of a real atomic object, against their mutants, and against trying all orders. */
import test from "ava";
import fc from "fast-check";
import { checkLinearizable } from "./check.js";
import type { Operation } from "./history.js";
import { type RegisterInput, type RegisterOutput, registerModel } from "./register-model.js";

type RegisterOperation = Operation<RegisterInput, RegisterOutput>;

interface Asked {
  readonly client: number;
  readonly kind: "read" | "write" | "cas";
  /** Of the values written so far, the one that a swap expects. */
  readonly guess: number;
  readonly before: number;
  readonly takes: number;
  readonly effectAt: number;
  readonly fate: "answered" | "lost-answer" | "lost-call";
}

const asked: fc.Arbitrary<Asked> = fc.record({
  client: fc.nat(5),
  kind: fc.constantFrom("read", "write", "cas"),
  guess: fc.nat(1000),
  before: fc.nat(8),
  takes: fc.integer({ min: 1, max: 30 }),
  effectAt: fc.double({ min: 0.01, max: 0.99, noNaN: true }),
  fate: fc.oneof(
    { weight: 8, arbitrary: fc.constant("answered" as const) },
    { weight: 1, arbitrary: fc.constantFrom("lost-answer" as const, "lost-call" as const) },
  ),
});

/** What clients see of one atomic register, each operation of which happens at one moment between call and answer. */
function ofAtomicRegister(steps: readonly Asked[]): RegisterOperation[] {
  const clock = new Map<number, number>();
  const planned = steps.map((step, index) => {
    const calledAt = (clock.get(step.client) ?? 0) + step.before;
    const answeredAt = calledAt + step.takes;
    clock.set(step.client, answeredAt + 1);
    // A call whose answer is lost may take effect long after.
    const late = step.fate === "lost-answer" ? 4 : 1;
    return { step, index, calledAt, answeredAt, effectAt: calledAt + step.takes * step.effectAt * late };
  });
  let value: string | null = null;
  const seen: (string | null)[] = [null];
  const operations: RegisterOperation[] = [];
  for (const { step, index, calledAt, answeredAt } of planned.sort((a, b) => a.effectAt - b.effectAt)) {
    const mine = `v${index}`;
    const expected = step.guess % 2 ? value : seen[step.guess % seen.length]!;
    const input: RegisterInput =
      step.kind === "read"
        ? { kind: "read" }
        : step.kind === "write"
          ? { kind: "write", value: mine }
          : { kind: "cas", expected, value: mine };
    let output: RegisterOutput;
    if (input.kind === "read") output = { kind: "value", value };
    else if (input.kind === "write") output = { kind: "written" };
    else output = { kind: value === input.expected ? "swapped" : "differs" };
    if (step.fate !== "lost-call" && (output.kind === "written" || output.kind === "swapped")) {
      value = mine;
      seen.push(mine);
    }
    const isKnown = step.fate === "answered";
    operations.push({
      client: `c${step.client}`,
      key: "k",
      input,
      calledAt,
      answeredAt: isKnown ? answeredAt : undefined,
      output: isKnown ? output : undefined,
    });
  }
  return operations;
}

/** Tries every order of every choice of unknown operations. */
function someOrderFits(operations: readonly RegisterOperation[]): boolean {
  const go = (state: string | null, rest: readonly RegisterOperation[]): boolean => {
    const known = rest.filter((one) => one.answeredAt !== undefined);
    if (known.length === 0) return true;
    const firstAnswer = Math.min(...known.map((one) => one.answeredAt!));
    return rest.some((one) => {
      if (one.calledAt > firstAnswer) return false;
      const next = one.output
        ? registerModel.step(state, one.input, one.output)
        : registerModel.effect(state, one.input);
      return (
        next !== undefined &&
        go(
          next,
          rest.filter((other) => other !== one),
        )
      );
    });
  };
  return go(null, operations);
}

test("histories of an atomic register are accepted, whatever was lost", (t) => {
  fc.assert(
    fc.property(fc.array(asked, { maxLength: 120 }), (steps) => {
      const verdict = checkLinearizable(registerModel, ofAtomicRegister(steps));
      t.true(verdict.ok, verdict.ok ? "" : verdict.text);
    }),
    { numRuns: 300 },
  );
});

test("a read of a value that was overwritten before its call is found", (t) => {
  let mutants = 0;
  fc.assert(
    fc.property(fc.array(asked, { minLength: 10, maxLength: 80 }), fc.nat(), (steps, pick) => {
      const operations = ofAtomicRegister(
        steps.map((step) => ({ ...step, kind: step.kind === "cas" ? "write" : step.kind })),
      );
      const writes = operations.filter((one) => one.input.kind === "write" && one.answeredAt !== undefined);
      const reads = operations.filter((one) => one.input.kind === "read" && one.answeredAt !== undefined);
      const choices = reads.flatMap((read) =>
        writes
          .filter((old) =>
            writes.some((young) => old.answeredAt! < young.calledAt && young.answeredAt! < read.calledAt),
          )
          .map((old) => ({ read, old })),
      );
      if (choices.length === 0) return;
      mutants++;
      const { read, old } = choices[pick % choices.length]!;
      const stale = (old.input as { readonly value: string }).value;
      const mutant = operations.map((one) =>
        one === read ? { ...one, output: { kind: "value", value: stale } as const } : one,
      );
      t.false(checkLinearizable(registerModel, mutant).ok);
    }),
    { numRuns: 300 },
  );
  t.true(mutants > 50, `${mutants} mutants`);
});

test("on short histories of any kind the search agrees with trying all orders", (t) => {
  const outputs: fc.Arbitrary<RegisterOperation> = fc
    .record({
      kind: fc.constantFrom("read", "write", "cas"),
      mine: fc.constantFrom("1", "2", "3"),
      other: fc.constantFrom("1", "2", "3", null),
      calledAt: fc.nat(12),
      takes: fc.integer({ min: 1, max: 6 }),
      isKnown: fc.boolean(),
      isSwapped: fc.boolean(),
    })
    .map(({ kind, mine, other, calledAt, takes, isKnown, isSwapped }) => {
      const input: RegisterInput =
        kind === "read"
          ? { kind: "read" }
          : kind === "write"
            ? { kind: "write", value: mine }
            : { kind: "cas", expected: other, value: mine };
      const output: RegisterOutput =
        kind === "read"
          ? { kind: "value", value: other }
          : kind === "write"
            ? { kind: "written" }
            : { kind: isSwapped ? "swapped" : "differs" };
      return {
        client: "c",
        key: "k",
        input,
        calledAt,
        answeredAt: isKnown ? calledAt + takes : undefined,
        output: isKnown ? output : undefined,
      };
    });
  const answers = { yes: 0, no: 0 };
  fc.assert(
    fc.property(fc.array(outputs, { maxLength: 7 }), (operations) => {
      const expected = someOrderFits(operations);
      t.is(checkLinearizable(registerModel, operations).ok, expected);
      answers[expected ? "yes" : "no"]++;
    }),
    { numRuns: 20_000 },
  );
  t.true(answers.yes > 100 && answers.no > 100, JSON.stringify(answers));
});

test("a few hundred operations with many unknown ones stay cheap", (t) => {
  const steps: Asked[] = Array.from({ length: 600 }, (_, n) => ({
    client: n % 10,
    kind: n % 3 === 0 ? "read" : n % 3 === 1 ? "write" : "cas",
    guess: n * 7919,
    before: n % 5,
    takes: 1 + ((n * 31) % 20),
    effectAt: ((n * 17) % 97) / 100 + 0.01,
    fate: n % 10 === 0 ? "lost-answer" : n % 23 === 0 ? "lost-call" : "answered",
  }));
  const verdict = checkLinearizable(registerModel, ofAtomicRegister(steps));
  t.true(verdict.ok);
  if (verdict.ok) t.true(verdict.places < 50_000, `${verdict.places} places`);
});
