/** The scripts for shells, run by the shells themselves. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import type { Command } from "commander";
import { completionModel } from "../../src/cli/completion/model.js";
import { completionScript } from "../../src/cli/completion/print.js";
import { buildProgram } from "../../src/cli/program.js";
import { HOST1, HOST2, processService, SHOP, taskOf } from "./fixtures.js";
import { Peer } from "./peer.js";
import { tsctl } from "./run.js";

const program = buildProgram(async () => {});
const model = completionModel(program);

/** What is typed, the last word unfinished, and what is offered for it. */
const TYPED: readonly (readonly [readonly string[], readonly string[]])[] = [
  [["no"], ["node"]],
  [["join-"], ["join-token"]],
  [
    ["join-token", ""],
    ["worker", "manager"],
  ],
  [["svc", "up"], ["update"]],
  [["service", "sca"], ["scale"]],
  [["node", "ls", "--no-t"], ["--no-trunc"]],
  [
    ["node", "ls", "--format", ""],
    ["table", "json"],
  ],
  [["node", "update", "--availability", "d"], ["drain"]],
  [
    ["-s", "/x", "node", "update", "--role", ""],
    ["manager", "worker"],
  ],
  [
    ["node", "inspect", ""],
    ["alpha", "beta"],
  ],
  [["node", "update", "--availability", "drain", "al"], ["alpha"]],
  [
    ["completion", ""],
    ["bash", "zsh", "fish", "names"],
  ],
];

/** Stands for tsctl, which the scripts ask for names. */
const STAND_IN = "tsctl() { printf 'alpha\\nbeta\\n'; }";

function bash(script: string): string {
  const run = spawnSync("bash", ["--norc", "-c", `${STAND_IN}\n${completionScript("bash")}\n${script}`], {
    encoding: "utf8",
  });
  return run.stdout + run.stderr;
}

for (const [words, offered] of TYPED) {
  test(`bash: tsctl ${words.join(" ")}`, (t) => {
    const typed = ["tsctl", ...words].map((word) => `'${word}'`).join(" ");
    const text = bash(`COMP_WORDS=(${typed}); COMP_CWORD=${words.length}; _tsctl; printf '%s\\n' "\${COMPREPLY[@]}"`);
    t.deepEqual(text.trim().split("\n"), offered);
  });
}

test("bash: names of services to scale end with the sign; files are offered where a path is wanted", (t) => {
  const reply = (typed: string, at: number) =>
    bash(`COMP_WORDS=(tsctl ${typed}); COMP_CWORD=${at}; _tsctl; printf '%s\\n' "\${COMPREPLY[@]}"`).trim();
  t.is(reply("service scale al", 3), "alpha=");
  t.true(reply("join --token-file /etc/passw", 3).split("\n").includes("/etc/passwd"));
  t.is(reply("node ls --format = j", 5), "json");
});

test("bash: the socket that was typed is the one that names are asked at", (t) => {
  const text = bash(
    'exec 3>&1; tsctl() { echo "$*" >&3; }; COMP_WORDS=(tsctl -s /run/x.sock node inspect ""); COMP_CWORD=5; _tsctl',
  );
  t.is(text, "-s /run/x.sock --timeout 2s completion names node\n");
});

for (const [words, offered] of TYPED) {
  test(`fish: tsctl ${words.join(" ")}`, (t) => {
    const directory = mkdtempSync(join(tmpdir(), "tswarm-fish-"));
    t.teardown(() => rmSync(directory, { recursive: true, force: true }));
    const script = join(directory, "tsctl.fish");
    writeFileSync(script, `function tsctl; printf 'alpha\\nbeta\\n'; end\n${completionScript("fish")}`);
    const line = ["tsctl", ...words].join(" ");
    const run = spawnSync("fish", ["--no-config", "-c", `source ${script}; complete -C '${line}'`], {
      encoding: "utf8",
      env: { ...process.env, HOME: directory },
    });
    const found = run.stdout
      .trim()
      .split("\n")
      .map((one) => one.split("\t")[0]);
    t.deepEqual(found.toSorted(), offered.toSorted(), run.stderr);
  });
}

test("zsh takes the script", (t) => {
  const { status, stderr } = spawnSync("zsh", ["-f", "-n"], { input: completionScript("zsh"), encoding: "utf8" });
  t.is(status, 0, stderr);
});

test("every script knows every command and flag", (t) => {
  const all = (command: Command): string[] => [
    ...command.commands.map((child) => child.name()),
    ...command.options.map(({ long }) => long!.replace(/^--/, "")),
    ...command.commands.flatMap(all),
  ];
  for (const shell of ["bash", "zsh", "fish"] as const) {
    const script = completionScript(shell);
    for (const word of new Set(all(program))) t.true(script.includes(word), `${shell}: ${word}`);
  }
});

test("words offered for a flag are those that its description names", (t) => {
  let looked = 0;
  for (const { paths, flags } of model) {
    for (const { names, description, value } of flags) {
      if (value?.kind !== "words") continue;
      for (const word of value.words) t.true(description.includes(word), `${paths[0]} ${names[0]}: ${word}`);
      looked += 1;
    }
  }
  t.true(looked > 20);
});

test("names that shells ask for", async (t) => {
  const peer = await Peer.start();
  t.teardown(() => peer.stop());
  const web = processService("web");
  peer.nodes = [HOST2, HOST1];
  peer.networks = [SHOP];
  peer.services = [web];
  peer.tasks = () => [taskOf(web, 1), taskOf(web, 2)];
  const names = async (kind: string) => (await tsctl(peer, "completion", "names", kind)).stdout.trim().split("\n");
  t.deepEqual(await names("node"), ["host1", "host2"]);
  t.deepEqual(await names("service"), ["web"]);
  t.deepEqual(await names("network"), ["shop"]);
  t.deepEqual(await names("task"), ["web.1", "web.2"]);
  t.is((await tsctl(peer, "completion", "names", "x")).status, 2);
});
