/** The manager as a process. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { callUnary, openChannel } from "../../src/api/client-call.js";
import {
  HealthService,
  HealthCheckResponse_ServingStatus as ServingStatus,
} from "../../src/api/generated/docker/swarmkit/v1/health.js";
import { grpcTarget, trustingCredentials } from "../../src/security/transport.js";
import { nodeId } from "./test-cluster.js";

const MAIN = new URL("../../src/manager/main.js", import.meta.url).pathname;

interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

interface Run {
  readonly child: ChildProcess;
  readonly ready: Promise<string>;
  readonly ended: Promise<Outcome>;
}

function run(t: ExecutionContext, args: readonly string[], stdin: "pipe" | "ignore" = "pipe"): Run {
  const child = spawn(process.execPath, [MAIN, ...args], { stdio: [stdin, "pipe", "pipe"] });
  t.teardown(() => child.kill("SIGKILL"));
  const output = { stdout: "", stderr: "" };
  child.stderr!.on("data", (text) => (output.stderr += text));
  const ready = new Promise<string>((resolve, reject) => {
    child.stdout!.on("data", (text) => {
      output.stdout += text;
      if (output.stdout.includes("\n")) resolve(output.stdout);
    });
    child.on("exit", () => reject(new Error(`it ended before it was ready: ${output.stderr}`)));
  });
  // Only some tests wait for it.
  ready.catch(() => undefined);
  const ended = new Promise<Outcome>((resolve) => child.on("close", (code) => resolve({ code, ...output })));
  return { child, ready, ended };
}

function folder(t: ExecutionContext): string {
  const dir = mkdtempSync(join(tmpdir(), "tsw-main-"));
  t.teardown(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

/** A file that says which cluster to begin: the one that comes of itself. */
function bootstrap(dir: string): readonly string[] {
  const file = join(dir, "bootstrap");
  writeFileSync(file, "");
  return ["--bootstrap", file];
}

const flags = (dir: string, ...more: readonly string[]) => [
  ...["--state-dir", join(dir, "state")],
  ...["--listen-control-api", join(dir, "control.sock")],
  ...["--node-id", nodeId(1)],
  ...more,
];

test("it says when it is ready, serves, and ends well on SIGTERM with nothing left", async (t) => {
  const dir = folder(t);
  const { child, ready, ended } = run(t, flags(dir, "--listen-remote-api", "127.0.0.1:0", ...bootstrap(dir)));
  t.regex(await ready, /^ready control=\S+\/control\.sock remote=127\.0\.0\.1:\d+\n$/);
  t.is(statSync(join(dir, "control.sock")).mode & 0o777, 0o660);
  t.is(statSync(join(dir, "bootstrap"), { throwIfNoEntry: false }), undefined, "it may have held a key");
  const certificates = join(dir, "state", "certificates");
  t.is(statSync(certificates).mode & 0o777, 0o700);
  t.deepEqual(readdirSync(certificates).sort(), ["swarm-node.crt", "swarm-node.key", "swarm-root-ca.crt"]);
  for (const file of readdirSync(certificates)) t.is(statSync(join(certificates, file)).mode & 0o777, 0o600, file);
  const client = openChannel(grpcTarget(join(dir, "control.sock")), trustingCredentials());
  t.teardown(() => client.close());
  const { status } = await callUnary(client, HealthService.check, { service: "ControlAPI" }, { timeoutMs: 30_000 });
  t.is(status, ServingStatus.SERVING);
  child.kill("SIGTERM");
  t.is((await ended).code, 0);
  t.is(statSync(join(dir, "control.sock"), { throwIfNoEntry: false }), undefined);
});

test("it ends when its parent's pipe closes, and starts again on what it left", async (t) => {
  const dir = folder(t);
  const first = run(t, flags(dir, ...bootstrap(dir)));
  await first.ready;
  first.child.stdin!.end();
  t.is((await first.ended).code, 0);
  const killed = run(t, flags(dir));
  await killed.ready;
  killed.child.kill("SIGKILL");
  await killed.ended;
  t.true(statSync(join(dir, "control.sock")).isSocket(), "a killed manager leaves its socket");
  const last = run(t, flags(dir), "ignore");
  await last.ready;
  last.child.kill("SIGINT");
  t.is((await last.ended).code, 0);
});

async function oneLine(t: ExecutionContext, args: readonly string[], line: RegExp): Promise<void> {
  const { code, stdout, stderr } = await run(t, args).ended;
  t.is(code, 1);
  t.is(stdout, "");
  t.regex(stderr, line);
  t.is(stderr.trim().split("\n").length, 1);
}

test("what is in its way is one clear line and status 1", async (t) => {
  const dir = folder(t);
  const busy = run(t, flags(dir, ...bootstrap(dir)));
  await busy.ready;
  await oneLine(
    t,
    flags(dir),
    /^tswarm-manager: cannot listen on the control socket \S+: another process listens there/,
  );
  const server = createServer();
  t.teardown(() => server.close());
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  const other = folder(t);
  const remote = ["--listen-remote-api", `127.0.0.1:${port}`];
  await oneLine(
    t,
    flags(other, ...remote, ...bootstrap(other)),
    new RegExp(`^tswarm-manager: cannot listen for nodes on 127.0.0.1:${port}: another process`),
  );
  t.is(statSync(join(other, "control.sock"), { throwIfNoEntry: false }), undefined, "nothing is left open");
  const third = folder(t);
  await oneLine(
    t,
    flags(third, "--listen-remote-api", "192.0.2.1:2377", ...bootstrap(third)),
    /this host has no such address/,
  );
});

test("folders and files that do not fit", async (t) => {
  const dir = folder(t);
  writeFileSync(join(dir, "state"), "");
  await oneLine(t, flags(dir, ...bootstrap(dir)), /^tswarm-manager: cannot use the state folder \S+\/state: /);
  const other = folder(t);
  writeFileSync(join(other, "control.sock"), "");
  await oneLine(t, flags(other), /^tswarm-manager: cannot make the control socket \S+: a file is in its place/);
  const third = folder(t);
  mkdirSync(join(third, "state", "certificates"), { recursive: true });
  writeFileSync(join(third, "state", "certificates", "swarm-node.key"), "{");
  await oneLine(
    t,
    flags(third),
    /swarm-node\.crt is missing: it belongs to swarm-node\.key and .*asks for another certificate then/,
  );
});

test("one that is of no cluster does not make one by itself", async (t) => {
  const dir = folder(t);
  await oneLine(t, flags(dir), /^tswarm-manager: this manager has no certificate, and nobody to ask for one$/m);
  const support = ["--support-socket", join(dir, "agent.sock")];
  await oneLine(
    t,
    flags(dir, ...support),
    /^tswarm-manager: this manager gets no certificate: No connection established/,
  );
  const begun = run(t, flags(dir, ...bootstrap(dir)));
  await begun.ready;
  begun.child.kill("SIGKILL");
  await begun.ended;
  await oneLine(t, flags(dir, ...bootstrap(dir)), /a cluster was begun in \S+\/state before/);
});

test("it ends with the file that it runs for", async (t) => {
  const dir = folder(t);
  const file = join(dir, "enabled");
  writeFileSync(file, "");
  const { ready, ended } = run(t, flags(dir, "--while-exists", file, ...bootstrap(dir)), "ignore");
  await ready;
  rmSync(file);
  t.is((await ended).code, 0);
});

test("flags that do not fit", async (t) => {
  const dir = folder(t);
  await oneLine(t, ["--state-dir", dir], /--node-id is missing/);
  await oneLine(t, flags(dir, "--data-path-port", "x"), /--data-path-port: "x" is not in 1-65535/);
  await oneLine(t, [...flags(dir), "--node-id", "me"], /--node-id: "me" is no node id/);
  await oneLine(t, flags(dir, "--bogus"), /--bogus/);
});

test("a manager that has stopped keeps the process no longer", async (t) => {
  const dir = folder(t);
  const options = {
    stateDir: dir,
    controlSocket: join(dir, "c.sock"),
    remoteAddress: "127.0.0.1:0",
    nodeId: nodeId(1),
    bootstrap: {},
  };
  const script = `
    import { Manager } from ${JSON.stringify(new URL("../../src/manager/manager.js", import.meta.url).href)};
    const manager = new Manager({ ...${JSON.stringify(options)}, log: console.error });
    await manager.start();
    await manager.stop();
    console.log("stopped");`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  t.teardown(() => child.kill("SIGKILL"));
  let stdout = "";
  child.stdout.on("data", (text) => (stdout += text));
  const code = await new Promise((resolve) => child.on("close", resolve));
  t.is(code, 0);
  t.is(stdout, "stopped\n");
});
