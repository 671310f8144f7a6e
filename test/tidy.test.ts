/** What the house promises of its sources, checked. */
import { statSync } from "node:fs";
import { join } from "node:path";
import test from "ava";
import { importsOf, PROJECT, projectFiles, sourceText } from "./sources.js";

const MAX_LINES = 500;
const MAX_BLOB_BYTES = 1 << 20;
const KNOWN_TYPES =
  /\.(ts|mjs|json|md|proto|sh|bin|hex|txt|pem|yml|yaml|service|path)$|(^|\/)(LICENSE|\.gitignore|\.npmrc|\.ci\/run|\.gitattributes)$/;

const files = projectFiles();
const code = files.filter((path) => /\.(ts|mjs|sh)$/.test(path));

test("no source file holds two ideas: none has more than 500 lines", (t) => {
  const long = code
    .map((path) => ({ path, lines: sourceText(path).split("\n").length }))
    .filter(({ lines }) => lines > MAX_LINES);
  t.deepEqual(long, []);
});

test("no stray blobs: every file is of a known type, and none is large", (t) => {
  t.deepEqual(
    files.filter((path) => !KNOWN_TYPES.test(path)),
    [],
    "unknown types",
  );
  t.deepEqual(
    files.filter((path) => statSync(join(PROJECT, path)).size > MAX_BLOB_BYTES),
    [],
    "over a megabyte",
  );
});

test("no dead files: every module is imported, or is started by something", (t) => {
  const imported = new Set(
    code.filter((path) => path.endsWith(".ts")).flatMap((path) => importsOf(path).map((one) => one.target)),
  );
  const texts = files
    .filter((path) => /\.(ts|mjs|sh|json|md)$/.test(path))
    .map((path) => ({ path, text: sourceText(path) }));
  // A program is named by whoever starts it: by its file, or in its own folder by its bare name.
  const named = (path: string): boolean => {
    const folder = path.slice(0, path.lastIndexOf("/") + 1);
    const name = path.slice(folder.length).replace(/\.ts$/, ".js");
    const bare = `"${name.slice(0, name.lastIndexOf("."))}"`;
    return texts.some(
      (file) =>
        file.path !== path && (file.text.includes(name) || (file.path.startsWith(folder) && file.text.includes(bare))),
    );
  };
  const dead = code.filter(
    (path) => !imported.has(path) && !path.endsWith(".test.ts") && !path.startsWith("docs/") && !named(path),
  );
  t.deepEqual(dead, []);
});

test("package-lock.json names no registry", (t) => {
  const { packages } = JSON.parse(sourceText("package-lock.json")) as {
    packages: Record<string, { resolved?: string }>;
  };
  t.deepEqual(
    Object.entries(packages)
      .filter(([, one]) => one.resolved !== undefined)
      .map(([name, one]) => `${name}: ${one.resolved}`),
    [],
  );
});

test("dependencies are pinned exactly", (t) => {
  const { dependencies, devDependencies } = JSON.parse(sourceText("package.json")) as Record<
    string,
    Record<string, string>
  >;
  t.deepEqual(
    Object.entries({ ...dependencies, ...devDependencies }).filter(([, version]) => !/^\d+\.\d+\.\d+$/.test(version)),
    [],
  );
});

/** Written so that this file does not hold them itself. */
const FORBIDDEN: readonly (readonly [RegExp, string])[] = [
  [/\bTO[D]O\b|\bFIX[M]E\b|\bX[X]X\b|\bHA[C]K\b/, "unfinished work is finished, or not begun"],
  [/not[ ]implemented yet|simplified[ ]for now|for[ ]now,/i, "no stubs"],
  [/catch\s*(\([^)]*\)\s*)?\{\s*\}/, "no error is swallowed"],
  [/\btest\.on[l]y\(|\btest\.fail[i]ng\(/, "every test runs"],
  [/@ts-ig[n]ore|@ts-noch[e]ck/, "the compiler is not overruled"],
];

test("no words of unfinished work", (t) => {
  const found = code.flatMap((path) => {
    const text = sourceText(path);
    return FORBIDDEN.flatMap(([pattern, reason]) => {
      const match = pattern.exec(text);
      return match ? [`${path}:${text.slice(0, match.index).split("\n").length}: "${match[0]}": ${reason}`] : [];
    });
  });
  t.deepEqual(found, []);
});

test("no folder for what has no name", (t) => {
  t.deepEqual(
    code.filter((path) => /(^|\/)(utils?|helpers?|misc|common)(\.ts|\.mjs|\/)/.test(path)),
    [],
  );
});
