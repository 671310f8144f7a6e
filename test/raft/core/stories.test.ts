/** Each story in test/data/raft happens as it is told. `REWRITE_STORIES=1` tells them anew: then read what has changed. */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test from "ava";
import { PROJECT } from "../../sources.js";
import { tell } from "./story.js";

const FOLDER = join(PROJECT, "test/data/raft");

for (const file of readdirSync(FOLDER)
  .filter((name) => name.endsWith(".txt"))
  .sort()) {
  test(file.slice(0, -".txt".length).replaceAll("-", " "), (t) => {
    const path = join(FOLDER, file);
    const text = readFileSync(path, "utf8");
    const told = tell(text);
    if (process.env.REWRITE_STORIES === "1") writeFileSync(path, told);
    t.deepEqual(told.split("\n"), (process.env.REWRITE_STORIES === "1" ? told : text).split("\n"));
  });
}

test("a story that goes otherwise is noticed", (t) => {
  const story = "members a\na campaigns\na works\n  nothing at all happens\n";
  t.notDeepEqual(tell(story), story);
  t.throws(() => tell("members a\nexpect a leads\n"), { message: /line 2, "expect a leads": it is "follower"/ });
  t.throws(() => tell("members a\na dances\n"), { message: /nobody knows this command/ });
});
