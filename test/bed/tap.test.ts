import test from "ava";
import { parseTap } from "../../scripts/bed/tap.js";

test("results, their diagnostics, and the plan", (t) => {
  const text = [
    "TAP version 13",
    "ok 1 - netns › sockets › a socket stays",
    "not ok 2 - ipvs › drain › what - is # open",
    "  ---",
    "    name: AssertionError",
    "    message: |",
    "      ok 7 - not a result",
    "  ...",
    "# said on the way",
    "ok 3 - ipvs › later # SKIP",
    "",
    "1..3",
    "# tests 2",
  ].join("\n");
  t.deepEqual(parseTap(text), {
    planned: 3,
    results: [
      { title: "netns › sockets › a socket stays", outcome: "passed", diagnostics: "" },
      {
        title: "ipvs › drain › what - is # open",
        outcome: "failed",
        diagnostics: "    name: AssertionError\n    message: |\n      ok 7 - not a result",
      },
      { title: "ipvs › later", outcome: "skipped", diagnostics: "" },
    ],
  });
});

test("a run that was cut off has no plan", (t) => {
  t.deepEqual(parseTap("TAP version 13\nok 1 - a › b\nnot ok 2 - a › c\n  ---\n    name: Err"), {
    planned: undefined,
    results: [
      { title: "a › b", outcome: "passed", diagnostics: "" },
      { title: "a › c", outcome: "failed", diagnostics: "" },
    ],
  });
});
