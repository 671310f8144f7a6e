/** The manager's program as a member of a cluster. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { status } from "@grpc/grpc-js";
import test, { type ExecutionContext } from "ava";
import { type KnownManager, ManagerSeat } from "../../scripts/fabric/manager-seat.js";
import { callUnary, openChannel, type UnaryMethod } from "../../src/api/client-call.js";
import { CAService } from "../../src/api/generated/docker/swarmkit/v1/ca.js";
import { ControlService } from "../../src/api/generated/docker/swarmkit/v1/control.js";
import { NodeRole } from "../../src/api/generated/docker/swarmkit/v1/types.js";
import { LocalManagerService, ManagerState } from "../../src/api/generated/tswarm/v1/manager.js";
import { formatUnlockKey } from "../../src/security/at-rest/unlock-key.js";
import { grpcTarget, trustingCredentials } from "../../src/security/transport.js";
import { processService } from "./test-cluster.js";

const MAIN = fileURLToPath(new URL("../../src/manager/main.js", import.meta.url));
const PATIENCE_MS = 30_000;

/** One run of the program. */
class Run {
  readonly ready: Promise<string>;
  readonly ended: Promise<number | null>;
  readonly #child: ChildProcess;
  stderr = "";

  constructor(t: ExecutionContext, args: readonly string[]) {
    const child = spawn(process.execPath, [MAIN, ...args], { stdio: ["pipe", "pipe", "pipe"] });
    this.#child = child;
    t.teardown(() => child.kill("SIGKILL"));
    child.stderr!.on("data", (text) => {
      this.stderr += text;
    });
    this.ended = new Promise((resolve) => child.once("close", (code) => resolve(code)));
    this.ready = new Promise((resolve, reject) => {
      child.stdout!.once("data", (text) => resolve(String(text)));
      child.once("close", () => reject(new Error(`it ended before it was ready: ${this.stderr}`)));
    });
    this.ready.catch(() => undefined);
  }

  async stop(signal: NodeJS.Signals = "SIGTERM"): Promise<number | null> {
    this.#child.kill(signal);
    return this.ended;
  }
}

class Place {
  readonly #t: ExecutionContext;

  private constructor(
    t: ExecutionContext,
    readonly dir: string,
    readonly seat: ManagerSeat,
  ) {
    this.#t = t;
    t.teardown(async () => {
      await seat.close();
      rmSync(dir, { recursive: true, force: true });
    });
  }

  /** For the first manager of a cluster. */
  static first(t: ExecutionContext): Place {
    const dir = mkdtempSync(join(tmpdir(), "tsw-main-"));
    return new Place(t, dir, ManagerSeat.first(dir));
  }

  /** For one that joins. */
  static async joining(t: ExecutionContext, manager: KnownManager): Promise<Place> {
    const dir = mkdtempSync(join(tmpdir(), "tsw-main-"));
    return new Place(t, dir, await ManagerSeat.joining(dir, manager, (line) => t.log(line)));
  }

  get socket(): string {
    return join(this.dir, "control.sock");
  }

  /** For the first time. */
  begin(...more: readonly string[]): Run {
    return this.run(...this.seat.firstFlags, ...more);
  }

  run(...more: readonly string[]): Run {
    return new Run(this.#t, [
      ...["--state-dir", join(this.dir, "state")],
      ...["--listen-control-api", this.socket],
      ...this.seat.flags,
      ...["--listen-remote-api", "127.0.0.1:0"],
      ...["--tick-ms", "30"],
      ...more,
    ]);
  }

  async call<Request, Response>(method: UnaryMethod<Request, Response>, request: Request): Promise<Response> {
    const client = openChannel(grpcTarget(this.socket), trustingCredentials(), true);
    try {
      return await callUnary(client, method, request, { timeoutMs: PATIENCE_MS });
    } finally {
      client.close();
    }
  }

  /** Again while something else was changed meanwhile, or nobody leads yet. */
  async update<T>(change: () => Promise<T>): Promise<T> {
    const giveUpAt = Date.now() + PATIENCE_MS;
    for (;;) {
      try {
        return await change();
      } catch (error) {
        const { code } = error as { code: status };
        if ((code !== status.UNKNOWN && code !== status.UNAVAILABLE) || Date.now() > giveUpAt) throw error;
      }
    }
  }
}

const addressIn = (ready: string) => /remote=(\S+)/.exec(ready)![1]!;

test("one joins by its flag, is killed and comes again without it, and ends with status 3 when it is taken out", async (t) => {
  const first = Place.first(t);
  const address = addressIn(await first.begin().ready);
  const second = await Place.joining(t, { socket: first.socket, address });
  const joined = second.run("--join", `127.0.0.1:1,${address}`);
  await joined.ready;
  await second.call(ControlService.createService, { spec: processService("web", 0) });
  await joined.stop("SIGKILL");
  const again = second.run();
  await again.ready;
  const { services } = await second.call(ControlService.listServices, { filters: undefined });
  t.is(services.length, 1);
  t.is(statSync(join(second.dir, "state", "raft")).mode & 0o777, 0o700);
  await first.update(async () => {
    const { node } = await first.call(ControlService.getNode, { nodeId: second.seat.nodeId });
    const spec = { ...node!.spec!, desiredRole: NodeRole.WORKER };
    await first.call(ControlService.updateNode, { nodeId: second.seat.nodeId, nodeVersion: node?.meta?.version, spec });
  });
  t.is(await again.ended, 3);
  t.regex(again.stderr, /^tswarm-manager: this manager was removed from the cluster$/m);
  // It comes again from its folder: it is still told.
  const late = second.run();
  t.is(await late.ended, 3);
});

test("a locked manager says so when it is ready, and goes on once it is unlocked", async (t) => {
  const place = Place.first(t);
  const first = place.begin();
  await first.ready;
  await place.update(async () => {
    const { clusters } = await place.call(ControlService.listClusters, { filters: undefined });
    const [cluster] = clusters;
    await place.call(ControlService.updateCluster, {
      clusterId: cluster!.id,
      clusterVersion: cluster!.meta?.version,
      spec: { ...cluster!.spec!, encryptionConfig: { autoLockManagers: true } },
      rotation: undefined,
    });
  });
  const { unlockKey } = await place.call(CAService.getUnlockKey, {});
  const keyFile = join(place.dir, "state", "raft", "keys.json");
  const tlsKeyFile = join(place.dir, "state", "certificates", "swarm-node.key");
  const isSealed = () =>
    readFileSync(keyFile, "utf8").includes('"sealed"') && readFileSync(tlsKeyFile, "utf8").includes("ENCRYPTED");
  while (!isSealed()) await new Promise((resolve) => setImmediate(resolve));
  await first.stop("SIGKILL");
  const second = place.run();
  t.regex(await second.ready, /^ready control=\S+ state=locked\n$/, "it has no port for nodes");
  t.true(isSealed());
  await place.call(LocalManagerService.unlock, { unlockKey: formatUnlockKey(unlockKey) });
  t.is((await place.call(LocalManagerService.status, {})).state, ManagerState.MANAGER_RUNNING);
  await place.call(ControlService.createService, { spec: processService("web", 0) });
  t.is(await second.stop(), 0);
});

test("a damaged log is one line with the file and the place, and status 1", async (t) => {
  const place = Place.first(t);
  const first = place.begin();
  await first.ready;
  for (let i = 0; i < 20; i++) await place.call(ControlService.createService, { spec: processService(`s${i}`, 0) });
  await first.stop();
  const folder = join(place.dir, "state", "raft", "log");
  const [name] = readdirSync(folder).filter((file) => file.endsWith(".wal"));
  const bytes = readFileSync(join(folder, name!));
  bytes[1500] = bytes[1500]! ^ 1;
  writeFileSync(join(folder, name!), bytes);
  const run = place.run();
  t.is(await run.ended, 1);
  const [line, ...rest] = run.stderr.trim().split("\n");
  t.deepEqual(rest, []);
  t.true(line!.startsWith(`tswarm-manager: ${join(folder, name!)} is damaged at offset `), line);
  t.regex(line!, /Where other managers run: /);
});

test("flags that do not fit", async (t) => {
  const place = Place.first(t);
  for (const [args, line] of [
    [["--join", "here"], /--join: "here" is not HOST:PORT/],
    [["--join", "127.0.0.1:1", "--force-new-cluster"], /--force-new-cluster and --join/],
    [["--election-ticks", "1"], /--election-ticks must be more/],
    [["--bootstrap", "/nonexistent"], /--bootstrap: ENOENT/],
    [["--bootstrap", "/nonexistent", "--join", "127.0.0.1:1"], /--bootstrap: /],
    [["--force-new-cluster"], /there is no log to start from|no certificate/],
  ] as const) {
    const run = place.run(...args);
    t.is(await run.ended, 1);
    t.regex(run.stderr, line);
    t.is(run.stderr.trim().split("\n").length, 1, run.stderr);
  }
});
