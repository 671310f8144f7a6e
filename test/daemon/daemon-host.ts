/** Daemons on hosts of their own, started and killed by a test. Needs root. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  createWriteStream,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { ExecutionContext } from "ava";
import { type FabricHost, HostFabric, inNamespaceCommand } from "../../scripts/fabric/host-fabric.js";
import { NodeClient } from "../../scripts/fabric/node-client.js";
import { localSockets } from "../../src/api/local-sockets.js";

const DAEMON = resolve(import.meta.dirname, "../../src/daemon/main.js");
const PATIENCE_MS = 60_000;
const LOOK_MS = 5;

export class DaemonHost {
  readonly stateDir: string;
  readonly logFile: string;
  readonly node: NodeClient;
  readonly control: string;
  readonly #flags: readonly string[];
  #process: ChildProcess | undefined;

  constructor(
    readonly host: FabricHost,
    directory: string,
    managerUser: string,
  ) {
    this.stateDir = join(directory, host.name);
    this.logFile = join(directory, `${host.name}.log`);
    this.control = join(directory, "run", host.name, "manager", "swarmd.sock");
    this.node = new NodeClient(localSockets(this.control).node);
    this.#flags = [
      ...["-d", this.stateDir, "--hostname", host.name],
      ...["--listen-control-api", this.control, "--manager-user", managerUser],
    ];
  }

  /** Resolves when the daemon answers, or has ended. */
  async start(...more: readonly string[]): Promise<void> {
    mkdirSync(this.stateDir, { recursive: true });
    const [program, ...args] = inNamespaceCommand(this.host.namespace, [DAEMON, ...this.#flags, ...more]);
    const child = spawn(program!, args, { stdio: ["ignore", "pipe", "pipe"] });
    const log = createWriteStream(this.logFile, { flags: "a" });
    child.stdout.pipe(log, { end: false });
    child.stderr.pipe(log, { end: false });
    this.#process = child;
    await until(`the daemon on ${this.host.name} answers`, async () => {
      if (!this.isRunning) return true;
      return succeeds(this.node.info());
    });
  }

  get isRunning(): boolean {
    const child = this.#process;
    return child !== undefined && child.exitCode === null && child.signalCode === null;
  }

  /** @returns the status that it ended with */
  async stop(signal: NodeJS.Signals = "SIGTERM"): Promise<number | null> {
    const child = this.#process;
    if (!child) return null;
    if (this.isRunning) {
      const ended = once(child, "exit");
      child.kill(signal);
      await ended;
    }
    return child.exitCode;
  }

  /** Resolves when it has ended by itself. */
  async ended(): Promise<number | null> {
    if (this.isRunning) await once(this.#process!, "exit");
    return this.#process!.exitCode;
  }

  /** What lies in the state folder, but the lock. */
  files(folder = "."): readonly string[] {
    const path = join(this.stateDir, folder);
    if (!existsSync(path)) return [];
    return readdirSync(path)
      .filter((name) => name !== "tswarmd.pid")
      .sort();
  }

  get log(): string {
    return existsSync(this.logFile) ? readFileSync(this.logFile, "utf8") : "";
  }

  /** Its node's namespaces go with it. */
  async leave(): Promise<void> {
    await this.stop("SIGKILL");
    const command = inNamespaceCommand(this.host.namespace, [DAEMON, "leave", "--force", "-d", this.stateDir]);
    if (existsSync(this.stateDir)) spawnSync(command[0]!, command.slice(1), { stdio: "ignore" });
  }
}

export class DaemonHosts {
  readonly directory: string;
  readonly hosts: readonly DaemonHost[];
  readonly #fabric: HostFabric;

  /** @param tag at most 6 characters, of this test alone */
  constructor(t: ExecutionContext, tag: string, count: number, managerUser = "nobody") {
    this.directory = mkdtempSync(join(tmpdir(), `tswarmd-${tag}-`));
    // The managers' user goes through to its own folders.
    chmodSync(this.directory, 0o711);
    const names = Array.from({ length: count }, (_, index) => `h${index + 1}`);
    this.#fabric = HostFabric.create({ tag, hosts: names, subnet: "192.168.98" });
    this.hosts = this.#fabric.hosts.map((host) => new DaemonHost(host, this.directory, managerUser));
    t.teardown(async () => {
      if (!t.passed) for (const host of this.hosts) t.log(host.log.split("\n").slice(-25).join("\n"));
      await Promise.all(this.hosts.map((host) => host.leave()));
      this.#fabric.remove();
      rmSync(this.directory, { recursive: true, force: true });
    });
  }
}

/** Asks until it holds. @throws after a minute, with what was waited for */
export async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const giveUpAt = Date.now() + PATIENCE_MS;
  while (!(await holds())) {
    if (Date.now() > giveUpAt) throw new Error(`it never came to this: ${what}`);
    await new Promise((wake) => setTimeout(wake, LOOK_MS));
  }
}

/** @returns whether it comes to a good end */
export function succeeds(work: Promise<unknown>): Promise<boolean> {
  return work.then(
    () => true,
    () => false,
  );
}
