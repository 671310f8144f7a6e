/**
 * A tswarm cluster on a {@link HostFabric}: one tswarmd per host, each with its own state and run folder. The first begins it, the others
 * join by token; managers run as a user without rights.
 */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  createWriteStream,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { localSockets } from "../../src/api/local-sockets.js";
import {
  createService,
  joinTokens,
  leaderSeenBy,
  managerAnswers,
  nodeStates,
  type ProcessService,
  type Tokens,
} from "./control-client.js";
import { type FabricHost, HostFabric, inNamespaceCommand } from "./host-fabric.js";
import { NodeClient } from "./node-client.js";

export interface ClusterOptions {
  /** Makes names unique on this machine; at most 6 characters of [a-z0-9]. */
  readonly tag: string;
  /** Each runs tasks. */
  readonly hosts: readonly string[];
  /** Those that manage the cluster, the one that begins it first; the first host alone unless said otherwise. */
  readonly managers?: readonly string[];
  /** Hosts that are no members. */
  readonly clients?: readonly string[];
  readonly subnet?: string;
  /** Whom managers run as. */
  readonly managerUser?: string;
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
const MANAGER = join(ROOT, "build/src/manager/main.js");
const REMOTE_PORT = 2377;
/** There on every host, and owns nothing. */
const MANAGER_USER = "nobody";
const DEFAULT_TIMEOUT_MS = 60_000;

export class Cluster {
  readonly directory: string;
  readonly #options: ClusterOptions;
  readonly #fabric: HostFabric;
  readonly #daemons = new Map<string, Daemon>();
  readonly #children = new Set<ChildProcess>();
  #removing = false;

  private constructor(options: ClusterOptions) {
    this.#options = options;
    this.directory = mkdtempSync(join(tmpdir(), `tswarm-${options.tag}-`));
    // Managers go through to folders of their own.
    chmodSync(this.directory, 0o711);
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

  /** Starts every daemon; ready when all nodes are, and all managers manage. */
  async begin(): Promise<void> {
    const { hosts } = this.#options;
    const { managers } = this;
    const [first, ...others] = [...managers, ...hosts.filter((host) => !managers.includes(host))];
    await this.startDaemon(first!);
    await Promise.all(others.map((name) => this.startDaemon(name)));
    await this.untilReady();
  }

  /** Every host is a node that is ready, and all managers manage. */
  async untilReady(): Promise<void> {
    const { managers } = this;
    await this.until("all nodes are ready", async () => {
      const nodes = await nodeStates(this.socket);
      const managing = nodes.filter((node) => node.isManager && node.isReachable);
      const ready = nodes.filter((node) => node.isReady).length;
      return ready === this.#options.hosts.length && managing.length === managers.length;
    });
  }

  get managers(): readonly string[] {
    return this.#options.managers ?? this.#options.hosts.slice(0, 1);
  }

  /** The control socket of the manager that began the cluster. */
  get socket(): string {
    return this.socketOf(this.managers[0]!);
  }

  /** Every host has one of its own; it answers while the host manages. */
  socketOf(name: string): string {
    return join(this.directory, "run", name, "manager", "swarmd.sock");
  }

  /** The daemon's own socket. */
  nodeSocketOf(name: string): string {
    return localSockets(this.socketOf(name)).node;
  }

  /** Where a host's manager listens for nodes. */
  remoteAddress(name: string): string {
    return `${this.#fabric.host(name).address}:${REMOTE_PORT}`;
  }

  /** Flags by which a host that is in no cluster joins the one that a manager is of. */
  async joinFlags(by: string, role: "manager" | "worker"): Promise<readonly string[]> {
    let tokens: Tokens | undefined;
    await this.until(`${by} has join tokens`, async () => {
      tokens = await joinTokens(this.socketOf(by));
      return tokens !== undefined;
    });
    const file = join(this.directory, `${role}.token`);
    writeFileSync(file, `${tokens![role]}\n`, { mode: 0o600 });
    return ["--join-addr", this.remoteAddress(by), "--join-token-file", file];
  }

  get hosts(): readonly FabricHost[] {
    return this.#options.hosts.map((name) => this.#fabric.host(name));
  }

  host(name: string): FabricHost {
    return this.#fabric.host(name);
  }

  /**
   * The first time a host begins the cluster, or joins the first manager; later its state folder alone says what it is.
   * @param more flags for this start
   */
  async startDaemon(name: string, ...more: readonly string[]): Promise<void> {
    const isNew = !existsSync(join(this.directory, name));
    this.#launch(name, [...(isNew ? await this.#firstFlags(name) : []), ...more]);
    if (this.managers.includes(name)) await this.until(`the manager on ${name} answers`, () => this.#answers(name));
  }

  /** A daemon that is in no cluster, and waits to be told. */
  async startWaiting(name: string): Promise<void> {
    this.#launch(name, []);
    const node = new NodeClient(this.nodeSocketOf(name));
    await this.until(`the daemon on ${name} answers`, () =>
      node.info().then(
        () => true,
        () => false,
      ),
    );
  }

  #launch(name: string, flags: readonly string[]): void {
    if (this.#removing) throw new Error("the cluster is being removed");
    const host = this.#fabric.host(name);
    const stateDir = join(this.directory, name);
    mkdirSync(stateDir, { recursive: true });
    const logFile = join(this.directory, `${name}.log`);
    const command = [
      ...[DAEMON, "-d", stateDir, "--hostname", name, "--listen-control-api", this.socketOf(name)],
      ...["--manager-user", this.#options.managerUser ?? MANAGER_USER],
      ...(this.#options.daemonArguments ?? []),
      ...flags,
    ];
    const [program, ...args] = inNamespaceCommand(host.namespace, command);
    const child = spawn(program!, args, { stdio: ["ignore", "pipe", "pipe"] });
    const log = createWriteStream(logFile, { flags: "a" });
    child.stdout.pipe(log, { end: false });
    child.stderr.pipe(log, { end: false });
    this.#daemons.set(name, { host, stateDir, logFile, process: child });
  }

  async #firstFlags(name: string): Promise<readonly string[]> {
    const [first] = this.managers;
    if (name === first) return ["--init"];
    return this.joinFlags(first!, this.managers.includes(name) ? "manager" : "worker");
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

  /** The machine loses its power: it says goodbye to nobody, and nothing of it runs. {@link heal} and {@link startDaemon} bring it back. */
  async powerOff(name: string): Promise<void> {
    this.cut(name);
    this.killManager(name);
    await this.stopDaemon(name, "SIGKILL");
    await this.until(`nothing runs on ${name}`, () => {
      const left = this.taskProcesses(name);
      for (const pid of left) killIfThere(pid);
      return left.length === 0;
    });
  }

  /** Kills the manager's process on a host; the daemon lives on, and starts it again. @returns false when none ran */
  killManager(name: string): boolean {
    return this.#signalManager(name, "SIGKILL");
  }

  /** The manager's process on a host stands still, with all its connections open. */
  pauseManager(name: string): boolean {
    return this.#signalManager(name, "SIGSTOP");
  }

  continueManager(name: string): boolean {
    return this.#signalManager(name, "SIGCONT");
  }

  /** The process of the manager on a host; undefined where none runs. */
  managerPid(name: string): number | undefined {
    const daemon = this.#daemons.get(name)?.process.pid;
    return daemon === undefined ? undefined : childRunning(daemon, MANAGER);
  }

  /** @returns the name of the host whose manager leads, as any manager that answers sees it; undefined while none does */
  async leaderName(): Promise<string | undefined> {
    const views = await Promise.all(this.#options.hosts.map((name) => leaderSeenBy(this.socketOf(name))));
    const [newest] = views.filter((view) => view !== undefined).sort((a, b) => b.term - a.term);
    return newest && [...this.#daemons.keys()].find((name) => this.nodeId(name) === newest.nodeId);
  }

  /** Cuts a host off from all others, and joins it again. */
  cut(name: string): void {
    this.#fabric.cut(name);
  }

  heal(name: string): void {
    this.#fabric.heal(name);
  }

  /** What one host sends to another is lost; the other way stays open. */
  drop(from: string, to: string): void {
    this.#fabric.drop(from, to);
  }

  dropNothing(): void {
    this.#fabric.dropNothing();
  }

  /** "" before the host is in a cluster. */
  nodeId(name: string): string {
    try {
      const text = readFileSync(join(this.directory, name, "membership.json"), "utf8");
      return (JSON.parse(text) as { nodeId: string }).nodeId;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return "";
      throw error;
    }
  }

  /**
   * Runs tsctl and returns what it prints.
   * @param host whose manager to ask; the first one's unless said otherwise
   * @throws with its error text
   */
  control(args: readonly string[], host: string = this.managers[0]!): string {
    return execFileSync(process.execPath, [CONTROL, "-s", this.socketOf(host), ...args], {
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
    const nodeId = this.nodeId(name).slice(0, 8);
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
    const names = [...this.#daemons.keys()];
    for (const name of names) this.continueManager(name);
    await Promise.all(names.map((name) => this.stopDaemon(name)));
    for (const name of names) this.leave(name);
    this.#fabric.remove();
    rmSync(this.directory, { recursive: true, force: true });
  }

  /** `tswarmd leave`: the tasks end, and the node's namespaces, links, rules and groups go. */
  leave(name: string): void {
    const { host, stateDir } = this.#daemon(name);
    const [program, ...args] = inNamespaceCommand(host.namespace, [DAEMON, "leave", "--force", "-d", stateDir]);
    execFileSync(program!, args, { stdio: ["ignore", "ignore", "pipe"] });
  }

  #daemon(name: string): Daemon {
    const daemon = this.#daemons.get(name);
    if (!daemon) throw new Error(`no daemon was started on ${name}`);
    return daemon;
  }

  async #answers(name: string): Promise<boolean> {
    const { process } = this.#daemon(name);
    if (process.exitCode !== null) throw new Error(`tswarmd on ${name} ended with status ${process.exitCode}`);
    return managerAnswers(this.socketOf(name));
  }

  #signalManager(name: string, signal: NodeJS.Signals): boolean {
    const pid = this.managerPid(name);
    if (pid !== undefined) process.kill(pid, signal);
    return pid !== undefined;
  }
}

/** It may end with another that was killed. */
function killIfThere(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
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

/** @returns the child of a process whose command line names the program */
function childRunning(parent: number, program: string): number | undefined {
  const children = procText(parent, `task/${parent}/children`).trim().split(" ").filter(Boolean).map(Number);
  return children.find((pid) => procText(pid, "cmdline").split("\0").includes(program));
}

/** @returns nothing of a process that has ended */
function procText(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "utf8");
  } catch (error) {
    if (["ENOENT", "ESRCH"].includes((error as NodeJS.ErrnoException).code ?? "")) return "";
    throw error;
  }
}
