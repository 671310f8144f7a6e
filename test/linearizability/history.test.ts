/** Histories in files: what is read, and which line is refused why. */
import test from "ava";
import { checkLinearizable } from "./check.js";
import { HistoryFormatError, readHistory } from "./history.js";
import { type RegisterInput, type RegisterOutput, registerModel } from "./register-model.js";

const line = (fields: object) => `${JSON.stringify(fields)}\n`;
const callOf = (client: string, at: number, input: RegisterInput) =>
  line({ client, key: "k", event: "call", at, input });

test("calls meet their outcomes; those without one stay unknown, and a line that was cut off is left out", (t) => {
  const text = [
    callOf("a", 1, { kind: "write", value: "1" }),
    callOf("b", 2, { kind: "read" }),
    line({ client: "b", event: "answer", at: 3, output: { kind: "value", value: "1" } }),
    callOf("b", 4, { kind: "write", value: "2" }),
    line({ client: "b", event: "nothing", at: 5 }),
    callOf("b", 6, { kind: "write", value: "3" }),
    line({ client: "b", event: "unknown", at: 7 }),
    '{"client":"c","key":"k","ev',
  ].join("");
  const operations = readHistory<RegisterInput, RegisterOutput>(text);
  t.deepEqual(
    operations.map(({ client, calledAt, answeredAt }) => ({ client, calledAt, answeredAt })),
    [
      { client: "b", calledAt: 2, answeredAt: 3 },
      { client: "b", calledAt: 6, answeredAt: undefined },
      { client: "a", calledAt: 1, answeredAt: undefined },
    ],
  );
  t.true(checkLinearizable(registerModel, operations).ok);
});

const REFUSED: readonly (readonly [string, string, RegExp])[] = [
  ["an answer to nothing", line({ client: "a", event: "answer", at: 1 }), /line 1 .*asked nothing/],
  [
    "two calls at once",
    callOf("a", 1, { kind: "read" }) + callOf("a", 2, { kind: "read" }),
    /line 2 .*before its last call/,
  ],
  [
    "an answer before the call",
    callOf("a", 5, { kind: "read" }) + line({ client: "a", event: "answer", at: 4 }),
    /line 2 .*before its call/,
  ],
  ["no client", line({ event: "call", at: 1 }), /line 1 .*no client/],
  ["no time", line({ client: "a", event: "call", key: "k" }), /line 1 .*no time/],
  ["no key", line({ client: "a", event: "call", at: 1 }), /line 1 .*no key/],
  [
    "an event of no kind",
    callOf("a", 1, { kind: "read" }) + line({ client: "a", event: "maybe", at: 2 }),
    /line 2 .*"maybe"/,
  ],
  ["a broken line amid others", `{"client":\n${callOf("a", 1, { kind: "read" })}`, /line 1/],
];

for (const [name, text, message] of REFUSED) {
  test(`a file is refused for ${name}`, (t) => {
    t.throws(() => readHistory(text), { instanceOf: HistoryFormatError, message });
  });
}
