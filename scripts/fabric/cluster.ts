/** A tswarm cluster on a {@link HostFabric}: one tswarmd per host, each with its own state and run folder. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { createWriteStream, mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createService, type ProcessService } from "./control-client.js";
import { type FabricHost, HostFabric, inNamespaceCommand } from "./host-fabric.js";

export interface ClusterOptions {
  /** Makes names unique on this machine; at most 6 characters of [a-z0-9]. */
  readonly tag: string;
  /** The first is the manager; each also runs tasks. */
  readonly hosts: readonly string[];
  /** Hosts that are no members. */
  readonly clients?: readonly string[];
  readonly subnet?: string;
  /** Flags for every tswarmd. */
  readonly daemonArguments?: readonly string[];
  /** Longest wait for the cluster to stand, ms. */
  readonly timeoutMs?: number;
}

interface Daemon {
  readonly host: FabricHost;
  readonly stateDir: string;
  readonly logFile: string;
  process: ChildProcess;
}

const ROOT = resolve(import.meta.dirname, "../../..");
const DAEMON = join(ROOT, "build/src/daemon/main.js");
const CONTROL = join(ROOT, "build/src/cli/main.js");
const REMOTE_PORT = 4242;
const DEFAULT_TIMEOUT_MS = 30_000;

export class Cluster {
  readonly directory: string;
  readonly socket: string;
  readonly #options: ClusterOptions;
  readonly #fabric: HostFabric;
  readonly #daemons = new Map<string, Daemon>();
  readonly #children = new Set<ChildProcess>();
  #removing = false;

  private constructor(options: ClusterOptions) {
    this.#options = options;
    this.directory = mkdtempSync(join(tmpdir(), `tswarm-${options.tag}-`));
    this.socket = join(this.directory, "control.sock");
    this.#fabric = HostFabric.create({
      tag: options.tag,
      hosts: [...options.hosts, ...(options.clients ?? [])],
      ...(options.subnet ? { subnet: options.subnet } : {}),
    });
  }

  /** Makes the hosts. From here on {@link remove} takes everything away, also while {@link begin} is under way. */
  static prepare(options: ClusterOptions): Cluster {
    return new Cluster(options);
  }

  /** Makes the hosts and starts every daemon; ready when all nodes are. On failure nothing stays. */
  static async start(options: ClusterOptions): Promise<Cluster> {
    const cluster = Cluster.prepare(options);
    try {
      await cluster.begin();
      return cluster;
    } catch (error) {
      const logs = cluster.logs();
      await cluster.remove();
      throw new Error(`${(error as Error).message}\n${logs}`);
    }
  }

  /** Starts every daemon; ready when all nodes are. */
  async begin(): Promise<void> {
    const { hosts } = this.#options;
    for (const name of hosts) await this.startDaemon(name);
    await this.until(
      "all nodes are ready",
      () => readyCount(this.control(["node", "ls", "--format", "json"])) === hosts.length,
    );
  }

  get hosts(): readonly FabricHost[] {
    return this.#options.hosts.map((name) => this.#fabric.host(name));
  }

  host(name: string): FabricHost {
    return this.#fabric.host(name);
  }

  async startDaemon(name: string): Promise<void> {
    if (this.#removing) throw new Error("the cluster is being removed");
    const host = this.#fabric.host(name);
    const stateDir = join(this.directory, name);
    mkdirSync(stateDir, { recursive: true });
    const [manager] = this.hosts;
    const logFile = join(this.directory, `${name}.log`);
    const command = [
      DAEMON,
      "-d",
      stateDir,
      "--hostname",
      name,
      ...(host === manager
        ? ["--listen-control-api", this.socket, "--listen-remote-api", `${host.address}:${REMOTE_PORT}`]
        : ["--join-addr", `${manager!.address}:${REMOTE_PORT}`]),
      ...(this.#options.daemonArguments ?? []),
    ];
    const [program, ...args] = inNamespaceCommand(host.namespace, command);
    const child = spawn(program!, args, { stdio: ["ignore", "pipe", "pipe"] });
    const log = createWriteStream(logFile, { flags: "a" });
    child.stdout.pipe(log, { end: false });
    child.stderr.pipe(log, { end: false });
    this.#daemons.set(name, { host, stateDir, logFile, process: child });
    if (host === manager)
      await this.until("the manager answers", () => this.#tryControl(["node", "ls", "-q"]) !== undefined);
  }

  /** The daemon's process id. */
  pid(name: string): number {
    return this.#daemon(name).process.pid!;
  }

  async stopDaemon(name: string, signal: NodeJS.Signals = "SIGTERM"): Promise<void> {
    const daemon = this.#daemon(name);
    if (daemon.process.exitCode !== null || daemon.process.signalCode !== null) return;
    const ended = once(daemon.process, "exit");
    daemon.process.kill(signal);
    await ended;
  }

  /** Runs tsctl and returns what it prints. @throws with its error text */
  control(args: readonly string[]): string {
    return execFileSync(process.execPath, [CONTROL, "-s", this.socket, ...args], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
    });
  }

  /** Creates a service through the API, without a command's start in between. @returns when it was asked for, ms since 1970 */
  createService(service: ProcessService): Promise<number> {
    return createService(this.socket, service);
  }

  runningTasks(service: string): number {
    const tasks = JSON.parse(this.control(["service", "ps", service, "--format", "json"])) as TaskRow[];
    return tasks.filter((task) => task.currentState === "running").length;
  }

  /** Every process of this node's tasks, the ones that hold them included: they belong to nobody and outlive the daemon. */
  taskProcesses(name: string): readonly number[] {
    const nodeId = readFileSync(join(this.stateDir(name), "node-id"), "utf8").slice(0, 8);
    return readdirSync("/proc")
      .filter((entry) => /^\d+$/.test(entry) && isTaskProcess(entry, nodeId, this.stateDir(name)))
      .map(Number);
  }

  /** Runs a command inside a host and returns what it prints. */
  run(host: string, command: readonly string[]): string {
    const [program, ...args] = inNamespaceCommand(this.#fabric.host(host).namespace, command);
    return execFileSync(program!, args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
  }

  spawn(host: string, command: readonly string[]): ChildProcess {
    const [program, ...args] = inNamespaceCommand(this.#fabric.host(host).namespace, command);
    const child = spawn(program!, args, { stdio: ["ignore", "pipe", "inherit"] });
    this.#children.add(child);
    child.once("exit", () => this.#children.delete(child));
    return child;
  }

  stateDir(name: string): string {
    return this.#daemon(name).stateDir;
  }

  /** Asks until the condition holds. @throws after the time limit, with what was waited for */
  async until(what: string, condition: () => boolean | Promise<boolean>, timeoutMs?: number): Promise<void> {
    const limitMs = timeoutMs ?? this.#options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
    const end = Date.now() + limitMs;
    while (!(await condition())) {
      if (Date.now() > end) throw new Error(`${what}: not within ${limitMs / 1000} s`);
      await new Promise((wake) => setTimeout(wake, 50));
    }
  }

  /** The last lines of every daemon's log. */
  logs(): string {
    return [...this.#daemons.values()]
      .map(({ host, logFile }) => {
        const lines = readFileSync(logFile, "utf8").trimEnd().split("\n").slice(-30);
        return lines.map((line) => `${host.name}: ${line}`).join("\n");
      })
      .join("\n");
  }

  /** Ends every daemon with all that it made in the kernel, and removes the hosts and the folder. */
  async remove(): Promise<void> {
    this.#removing = true;
    for (const child of this.#children) child.kill("SIGKILL");
    const workers = [...this.#daemons.keys()].reverse();
    for (const name of workers) await this.stopDaemon(name);
    for (const name of workers) this.#leave(name);
    this.#fabric.remove();
    rmSync(this.directory, { recursive: true, force: true });
  }

  /** `tswarmd leave`: the tasks end, and the node's namespaces, links, rules and groups go. */
  #leave(name: string): void {
    const { host, stateDir } = this.#daemon(name);
    const [program, ...args] = inNamespaceCommand(host.namespace, [DAEMON, "leave", "-d", stateDir]);
    execFileSync(program!, args, { stdio: ["ignore", "ignore", "pipe"] });
  }

  #daemon(name: string): Daemon {
    const daemon = this.#daemons.get(name);
    if (!daemon) throw new Error(`no daemon was started on ${name}`);
    return daemon;
  }

  #tryControl(args: readonly string[]): string | undefined {
    const daemon = [...this.#daemons.values()].find((one) => one.process.exitCode !== null);
    if (daemon) throw new Error(`tswarmd on ${daemon.host.name} ended with status ${daemon.process.exitCode}`);
    try {
      return this.control(args);
    } catch {
      return undefined;
    }
  }
}

interface TaskRow {
  readonly currentState: string;
}

/** In a control group of the node's tasks, or at work in a task's folder. */
function isTaskProcess(entry: string, nodeId: string, stateDir: string): boolean {
  try {
    const groups = readFileSync(`/proc/${entry}/cgroup`, "utf8");
    return groups.includes(`/tswarm/${nodeId}/`) || readlinkSync(`/proc/${entry}/cwd`).startsWith(`${stateDir}/tasks/`);
  } catch (error) {
    // It ended while it was looked at, or is a thread of the kernel.
    if (["ENOENT", "ESRCH", "EACCES"].includes((error as NodeJS.ErrnoException).code ?? "")) return false;
    throw error;
  }
}

function readyCount(json: string): number {
  const nodes = JSON.parse(json) as { readonly status?: string }[];
  return nodes.filter((node) => node.status?.toLowerCase() === "ready").length;
}
