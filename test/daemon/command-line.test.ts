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
  [["--listen-addr", "a b"], /--listen-addr .*ADDRESS\[:PORT\] or INTERFACE\[:PORT\] is due/],
  [["--advertise-addr", "eth0:99999"], /--advertise-addr .*ADDRESS\[:PORT\] or INTERFACE\[:PORT\] is due/],
  [["--data-path-port", "80"], /--data-path-port .*whole number from 1024 to 49151/],
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
  const socket = ["--listen-control-api", join(state, "manager", "swarmd.sock")];
  const refusedHere = (...args: readonly string[]) => refused(t, "-d", state, ...socket, ...args);
  t.regex(refusedHere("--join-addr", "10.0.0.1"), /^tswarmd: --join-addr needs --join-token-file/);
  t.regex(refusedHere("--force-new-cluster"), /^tswarmd: --force-new-cluster: \S+ holds no manager's log/m);
  t.regex(
    refusedHere("--init", "--advertise-addr", "eth99"),
    /^tswarmd: eth99: advertise address must be a non-zero IP/m,
  );
  t.regex(refusedHere("--init", "--advertise-addr", "224.0.0.1"), /^tswarmd: 224\.0\.0\.1: advertise address must be/m);
  t.regex(refusedHere("--manager-user", "no-such-user"), /^tswarmd: --manager-user: \S+ knows no user no-such-user/m);
  t.deepEqual(readdirSync(state), [], "it is not of any cluster by that");
});

asRoot("a manager that others count on does not leave without force", (t) => {
  const state = folder(t);
  const managers = ["one", "two"].map((nodeId) => ({ nodeId, address: `${nodeId}:2377` }));
  const about = { nodeId: "me".padEnd(25, "0"), isExpelled: false, joinAddresses: [], settings: {} } as const;
  writeMembership(state, { ...about, role: "manager", managers });
  t.regex(refused(t, "leave", "-d", state), /^tswarmd: this node is one of the cluster's 3 managers: .*tsctl leave/);
});

test("--help names every flag that a cluster of several managers needs", (t) => {
  const text = execFileSync(process.execPath, [DAEMON, "--help"], { encoding: "utf8" });
  for (const flag of [
    "--init",
    "--join-addr",
    "--join-token-file",
    "--advertise-addr",
    "--force-new-cluster",
    "--raft-tick-ms",
    "--election-tick",
    "--heartbeat-tick",
  ])
    t.true(text.includes(flag), flag);
});
