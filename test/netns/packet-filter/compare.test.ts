import test from "ava";
import { compareByKey, type KeyedText } from "../../../netns/packet-filter/compare.js";

const rule = (key: string, text = key, chain = "c"): KeyedText => ({ key, chain, text });
const states = (wanted: KeyedText[], found: KeyedText[]) =>
  compareByKey(wanted, found).map(({ key, state }) => `${key} ${state}`);

const CASES: readonly [title: string, wanted: KeyedText[], found: KeyedText[], expected: string[]][] = [
  ["nothing and nothing", [], [], []],
  ["equal", [rule("a"), rule("b")], [rule("a"), rule("b")], ["a present", "b present"]],
  ["missing and extra", [rule("a")], [rule("b")], ["a missing", "b extra"]],
  ["another text", [rule("a", "x")], [rule("a", "y")], ["a different"]],
  ["another chain", [rule("a", "x", "c")], [rule("a", "x", "d")], ["a different"]],
  ["two rules of one key", [rule("a", "1"), rule("a", "2")], [rule("a", "1"), rule("a", "2")], ["a present"]],
  [
    "two rules of one key, turned round",
    [rule("a", "1"), rule("a", "2")],
    [rule("a", "2"), rule("a", "1")],
    ["a different"],
  ],
  ["one of two is gone", [rule("a", "1"), rule("a", "2")], [rule("a", "1")], ["a different"]],
  ["one stands twice", [rule("a")], [rule("a"), rule("a")], ["a different"]],
  ["turned round", [rule("a"), rule("b")], [rule("b"), rule("a")], ["a different", "b different"]],
  [
    "an extra one between does not displace",
    [rule("a"), rule("b")],
    [rule("a"), rule("x"), rule("b")],
    ["a present", "b present", "x extra"],
  ],
  [
    "a missing one does not displace",
    [rule("a"), rule("m"), rule("b")],
    [rule("a"), rule("b")],
    ["a present", "m missing", "b present"],
  ],
  [
    "chains have no order among themselves",
    [rule("a", "a", "c"), rule("b", "b", "d")],
    [rule("b", "b", "d"), rule("a", "a", "c")],
    ["a present", "b present"],
  ],
  [
    "torn apart by another rule",
    [rule("a", "1"), rule("a", "2"), rule("b")],
    [rule("a", "1"), rule("b"), rule("a", "2")],
    ["a different", "b different"],
  ],
];

for (const [title, wanted, found, expected] of CASES) {
  test(title, (t) => {
    t.deepEqual(states(wanted, found), expected);
  });
}

test("both notations are told", (t) => {
  t.deepEqual(compareByKey([rule("a", "x")], [rule("a", "y")]), [
    { key: "a", state: "different", wanted: "c: x", found: "c: y" },
  ]);
});
