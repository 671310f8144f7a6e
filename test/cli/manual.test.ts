/** Man pages are made from the command tree; man itself reads them where it is installed. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import test from "ava";
import { tsctlPages } from "../../scripts/manual/tsctl-pages.js";
import { readHelp, tswarmdPage } from "../../scripts/manual/tswarmd-page.js";
import { buildProgram } from "../../src/cli/program.js";

const DAEMON = fileURLToPath(new URL("../../src/daemon/main.js", import.meta.url));
const pages = tsctlPages("1.2.3");
const plain = (text: string) =>
  text
    .replaceAll("\\-", "-")
    .replaceAll("\\&", "")
    .replace(/\\f[BIR]/g, "");

test("a page for tsctl and one for each group, with every command and flag", (t) => {
  const program = buildProgram(async () => {});
  const groups = program.commands.filter(({ commands }) => commands.length > 0);
  t.deepEqual(
    [...pages.keys()].toSorted(),
    ["tsctl.1", ...groups.map((group) => `tsctl-${group.name()}.1`)].toSorted(),
  );
  const check = (name: string, path: string, commands: typeof program.commands) => {
    const text = plain(pages.get(name)!);
    for (const command of commands) {
      t.true(text.includes(`.SS ${path} ${command.name()}`), `${name}: ${command.name()}`);
      for (const { flags } of command.options) {
        if (!program.options.some((one) => one.flags === flags))
          t.true(text.includes(`\n${flags}\n`), `${name}: ${flags}`);
      }
    }
  };
  check(
    "tsctl.1",
    "tsctl",
    program.commands.filter(({ commands }) => commands.length === 0),
  );
  for (const group of groups) check(`tsctl-${group.name()}.1`, `tsctl ${group.name()}`, group.commands);
});

test("the same sources give the same bytes", (t) => {
  t.deepEqual([...tsctlPages("1.2.3")], [...pages]);
});

test("tswarmd.8 has the flags that the daemon knows", (t) => {
  const text = plain(tswarmdPage(DAEMON, "1.2.3"));
  for (const flag of ["--state-dir <dir>", "--listen-addr <address:port>", "--join-token-file <file>", "--force"])
    t.true(text.includes(flag), flag);
  t.false(text.includes("--help"));
});

test("help of another layout is refused", (t) => {
  t.deepEqual(
    readHelp("Usage: x\n\nDoes\nthings.\n\nOptions:\n  -a, --all  all of\n             them\n  -h, --help  help\n"),
    {
      description: "Does things.",
      options: [["-a, --all", "all of them"]],
    },
  );
  t.throws(() => readHelp("x: not found"), { message: /help of another kind/ });
});

const onMan = spawnSync("man", ["--version"]).status === 0 ? test : test.skip;

onMan("man reads every page without a warning", (t) => {
  const directory = mkdtempSync(join(tmpdir(), "tswarm-man-"));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  for (const [name, text] of pages) {
    writeFileSync(join(directory, name), text);
    const run = spawnSync("man", ["--warnings", "-l", join(directory, name)], {
      encoding: "utf8",
      env: { ...process.env, MANPAGER: "cat", MANWIDTH: "100", LC_ALL: "C.UTF-8" },
    });
    t.deepEqual([run.status, run.stderr], [0, ""], name);
    t.true(run.stdout.includes("NAME"), name);
  }
});
