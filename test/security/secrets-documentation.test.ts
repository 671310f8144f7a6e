/** docs/security.md says nothing that is not tried: each sentence names a test, and each test is there. */
import test from "ava";
import { chapters, checkNames, entries, namedTests } from "../named-tests.js";

const PAGE = "docs/security.md";
/** Chapters on what attackers can and cannot do. */
const ATTACKER = /^Somebody /;

test("every test that the page on security names is there", (t) => {
  const { named, unread, unknown } = checkNames(PAGE);
  t.true(named > 50);
  t.is(unread, 0, "each is read whole");
  t.deepEqual(unknown, []);
});

test("what the page says that an attacker can or cannot do is tried, each of it", (t) => {
  const attackers = [...chapters(PAGE)].filter(([title]) => ATTACKER.test(title));
  t.is(attackers.length, 6);
  for (const [title, chapter] of attackers) {
    const list = entries(chapter);
    t.true(list.length >= 3, title);
    t.deepEqual(
      list.filter((entry) => namedTests(entry).length === 0),
      [],
    );
  }
});
