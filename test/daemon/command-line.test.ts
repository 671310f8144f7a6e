/** tswarmd's command line: what does not fit is one line, a status that is not 0, and nothing left behind. */
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import test, { type ExecutionContext } from "ava";
import { writeMembership } from "../../src/daemon/membership.js";

const DAEMON = resolve(import.meta.dirname, "../../src/daemon/main.js");
const asRoot = process.getuid?.() === 0 ? test : test.skip;

function folder(t: ExecutionContext): string {
  const path = mkdtempSync(join(tmpdir(), "tswarmd-"));
  t.teardown(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** @returns the one line of standard error */
function refused(t: ExecutionContext, ...args: readonly string[]): string {
  const { status, stderr, stdout } = spawnSync(process.execPath, [DAEMON, ...args], { encoding: "utf8" });
  t.not(status, 0, args.join(" "));
  t.is(stdout, "");
  t.is(stderr.trim().split("\n").length, 1, stderr);
  return stderr;
}

const wrong: readonly (readonly [readonly string[], RegExp])[] = [
  [["--join-addr", "host1:0"], /--join-addr .*HOST or HOST:PORT is due, several with commas/],
  [["--join-addr", "host1,,host2"], /--join-addr .*HOST or HOST:PORT is due/],
  [["--raft-tick-ms", "1"], /--raft-tick-ms .*whole number from 10 to 10000/],
  [["--election-tick", "1.5"], /--election-tick .*whole number from 2 to 1000/],
  [["--listen-remote-api", "nowhere"], /--listen-remote-api .*ADDRESS:PORT is due/],
];

for (const [args, message] of wrong) {
  test(args.join(" "), (t) => {
    const state = folder(t);
    t.regex(refused(t, "-d", state, ...args), message);
    t.deepEqual(readdirSync(state), []);
  });
}

asRoot("flags that a new node cannot have", (t) => {
  const state = folder(t);
  t.regex(refused(t, "-d", state, "--manager"), /^tswarmd: --manager needs --join-addr/);
  t.regex(refused(t, "-d", state, "--force-new-cluster"), /^tswarmd: --force-new-cluster: \S+ holds no manager's log/);
  t.deepEqual(readdirSync(state), ["node-id"], "it is not of any cluster by that");
});

asRoot("a manager that others count on does not leave without force", (t) => {
  const state = folder(t);
  refused(t, "-d", state, "--manager");
  const managers = ["one", "two"].map((nodeId) => ({ nodeId, address: `${nodeId}:4242` }));
  const about = { cameAs: "first", isConfirmed: true, isExpelled: false, joinAddresses: [], settings: {} } as const;
  writeMembership(state, { ...about, role: "manager", managers });
  t.regex(
    refused(t, "leave", "-d", state),
    /^tswarmd: this node is one of the cluster's 3 managers: .*tsctl cluster leave/,
  );
});

test("--help names every flag that a cluster of several managers needs", (t) => {
  const text = execFileSync(process.execPath, [DAEMON, "--help"], { encoding: "utf8" });
  for (const flag of [
    "--join-addr",
    "--manager",
    "--force-new-cluster",
    "--raft-tick-ms",
    "--election-tick",
    "--heartbeat-tick",
  ])
    t.true(text.includes(flag), flag);
});
