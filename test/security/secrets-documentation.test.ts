/** docs/security.md says nothing that is not tried: each sentence names a test, and each test is there. */
import test from "ava";
import { projectFiles, sourceText } from "../sources.js";

const PAGE = "docs/security.md";
/** Chapters on what attackers can and cannot do. */
const ATTACKER = /^## Somebody .*$/;

/** Titles, as the sources have them; what is filled in when the tests run stands for any text. */
function titles(): readonly RegExp[] {
  const call = /\(\s*(["'`])((?:\\.|(?!\1)[^\\])+)\1\s*,\s*(?:async\b|\(|[a-z]+ =>|\{|macro)/g;
  return (
    projectFiles("test")
      .filter((path) => path.endsWith(".test.ts"))
      .flatMap((path) => [...sourceText(path).matchAll(call)].map(([, , title]) => title!))
      .map((title) => {
        const parts = title.replaceAll(/\\(["'`\\])/g, "$1").split(/\$\{[^}]*\}/);
        return new RegExp(`^${parts.map((part) => part.replaceAll(/[\\^$.*+?()[\]{}|]/g, "\\$&")).join(".+")}$`);
      })
      // A title that is filled in whole would be any.
      .filter((pattern) => pattern.source.length > 12)
  );
}

/** The page's entries, each as one line. */
function entries(chapter: string): readonly string[] {
  const list: string[] = [];
  for (const line of chapter.split("\n")) {
    if (line.startsWith("- ")) list.push(line.slice(2));
    else if (line.startsWith("  ") && list.length > 0) list.push(`${list.pop()} ${line.trim()}`);
  }
  return list;
}

const named = (text: string) => [...text.matchAll(/\(test: ((?:[^()]|\([^()]*\))+)\)/g)].map(([, title]) => title!);

test("every test that the page on security names is there", (t) => {
  const known = titles();
  const page = sourceText(PAGE).replaceAll(/\n {2}/g, " ");
  const all = named(page);
  t.true(all.length > 50);
  t.is(all.length, [...page.matchAll(/\(test: /g)].length, "each is read whole");
  t.deepEqual(
    [...new Set(all)].filter((title) => title !== "…" && !known.some((pattern) => pattern.test(title))),
    [],
  );
});

test("what the page says that an attacker can or cannot do is tried, each of it", (t) => {
  const chapters = sourceText(PAGE)
    .split(/^(?=## )/m)
    .filter((chapter) => ATTACKER.test(chapter.split("\n")[0]!));
  t.is(chapters.length, 6);
  for (const chapter of chapters) {
    const list = entries(chapter);
    t.true(list.length >= 3);
    t.deepEqual(
      list.filter((entry) => named(entry).length === 0),
      [],
    );
  }
});
