/** Pages that say nothing that is not tried: sentences name tests, as "(test: title)". */
import { projectFiles, sourceText } from "./sources.js";

/** Titles, as the sources have them; what is filled in when the tests run stands for any text. */
export function testTitles(): readonly RegExp[] {
  const call = /\(\s*(["'`])((?:\\.|(?!\1)[^\\])+)\1\s*,\s*(?:async\b|\(|[a-z]+ =>|\{|macro)/g;
  // Of tests that are made from tables.
  const row = /\bname: (["'`])((?:\\.|(?!\1)[^\\])+)\1/g;
  return (
    projectFiles("test")
      .filter((path) => path.endsWith(".test.ts"))
      .map((path) => sourceText(path))
      .flatMap((text) => [...text.matchAll(call), ...(/\btest\(name,/.test(text) ? text.matchAll(row) : [])])
      .map(([, , title]) => {
        const parts = title!.replaceAll(/\\(["'`\\])/g, "$1").split(/\$\{[^}]*\}/);
        return new RegExp(`^${parts.map((part) => part.replaceAll(/[\\^$.*+?()[\]{}|]/g, "\\$&")).join(".+")}$`);
      })
      // A title that is filled in whole would be any.
      .filter((pattern) => pattern.source.length > 12)
  );
}

/** The tests that a text names. */
export function namedTests(text: string): readonly string[] {
  return [...text.matchAll(/\(test: ((?:[^()]|\([^()]*\))+)\)/g)].map(([, title]) => title!);
}

/** All that a page names, and what of it is no test. */
export function checkNames(path: string): {
  readonly named: number;
  readonly unread: number;
  readonly unknown: readonly string[];
} {
  const page = sourceText(path).replaceAll(/\n {2}/g, " ");
  const all = namedTests(page);
  const titles = testTitles();
  const unknown = [...new Set(all)].filter((title) => title !== "…" && !titles.some((pattern) => pattern.test(title)));
  return { named: all.length, unread: [...page.matchAll(/\(test: /g)].length - all.length, unknown };
}

/** A page's chapters, by their titles. */
export function chapters(path: string): ReadonlyMap<string, string> {
  const parts = sourceText(path).split(/^(?=## )/m);
  return new Map(parts.map((part) => [part.split("\n")[0]!.replace(/^## /, ""), part]));
}

/** A chapter's entries, each as one line. */
export function entries(chapter: string): readonly string[] {
  const list: string[] = [];
  for (const line of chapter.split("\n")) {
    if (line.startsWith("- ")) list.push(line.slice(2));
    else if (line.startsWith("  ") && list.length > 0) list.push(`${list.pop()} ${line.trim()}`);
  }
  return list;
}
