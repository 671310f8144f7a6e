/** docs/tsctl.md and the program list the same commands, flags and JSON keys. */
import { readFileSync } from "node:fs";
import test from "ava";
import type { Command } from "commander";
import { buildProgram } from "../../src/cli/program.js";
import { documentedKeys, documentText } from "./documentation.js";

const program = buildProgram(async () => {});
const globalFlags = program.options.map(({ flags }) => flags);

/** Usage of a command, and its flags with what they mean. */
type Listing = ReadonlyMap<string, readonly string[]>;

function programListing(): Listing {
  return new Map(
    leaves(program, "tsctl").map(([usage, command]) => [usage, command.options.map(optionRow).filter(isOwn)]),
  );
}

function leaves(command: Command, path: string): [usage: string, command: Command][] {
  if (command.commands.length === 0) {
    const args = command.registeredArguments.map((argument) => {
      const text = `${argument.name()}${argument.variadic ? "..." : ""}`;
      return argument.required ? `<${text}>` : `[${text}]`;
    });
    return [[[path, ...args].join(" "), command]];
  }
  return command.commands.flatMap((child) => leaves(child, `${path} ${child.name()}`));
}

const optionRow = ({ flags, description }: { flags: string; description: string }) => `${flags}: ${description}`;
const isOwn = (row: string) => !globalFlags.some((flags) => row.startsWith(`${flags}: `));

function documentListing(): Listing {
  const sections = documentText().split(/^### /m).slice(1);
  return new Map(
    sections.map((section) => {
      const usage = /^`([^`]+)`/.exec(section)![1]!;
      const rows = [...section.matchAll(/^\| `(-[^`]+)` \| (.+) \|$/gm)];
      return [usage, rows.map(([, flags = "", meaning = ""]) => `${flags}: ${meaning.replaceAll("\\|", "|")}`)];
    }),
  );
}

test("every command and flag is documented, and nothing else", (t) => {
  const documented = documentListing();
  const real = programListing();
  t.deepEqual([...documented.keys()], [...real.keys()]);
  for (const [usage, flags] of real) t.deepEqual(documented.get(usage), flags, usage);
});

test("the global flags are documented", (t) => {
  const section = documentText().split("## Global flags")[1]!.split(/^## /m)[0]!;
  const rows = [...section.matchAll(/^\| `(-[^`]+)` \| (.+) \|$/gm)].map(
    ([, flags, meaning]) => `${flags}: ${meaning}`,
  );
  t.deepEqual(rows, program.options.map(optionRow));
});

test("every command knows the global flags", (t) => {
  for (const [usage, command] of leaves(program, "tsctl")) {
    const flags = command.options.map((option) => option.flags);
    // Logs have Docker's -n.
    const wanted = usage.includes(" logs ") ? globalFlags.map((flag) => flag.replace(/^-n, /, "")) : globalFlags;
    for (const flag of wanted) t.true(flags.includes(flag), `${usage} has no ${flag}`);
  }
});

test("aliases are documented", (t) => {
  const text = documentText();
  for (const [usage, command] of leaves(program, "tsctl")) {
    const section = text.split(`### \`${usage}\``)[1]!.split(/^### /m)[0]!;
    for (const alias of command.aliases()) t.true(section.includes(`\`${alias}\``), `${usage}: ${alias}`);
  }
  t.true(text.includes("`tsctl svc`"));
});

test("keys of every list are documented", (t) => {
  t.deepEqual(
    [...documentedKeys().keys()].sort(),
    leaves(program, "")
      .map(([usage]) => usage.trim().replace(/ [<[].*/, ""))
      .filter((usage) => / (ls|ps)$/.test(usage))
      .sort(),
  );
});

test("README names only commands that exist", (t) => {
  const readme = readFileSync(new URL("../../../README.md", import.meta.url), "utf8");
  const paths = leaves(program, "tsctl").map(([usage]) => usage.replace(/ [<[].*/, ""));
  for (const [line] of readme.matchAll(/^tsctl [a-z]+( [a-z]+)?/gm)) {
    t.true(
      paths.some((path) => line === path || line.startsWith(`${path} `)),
      line,
    );
  }
});
