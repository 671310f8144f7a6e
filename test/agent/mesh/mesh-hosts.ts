/** Hosts with data planes and without a cluster: the test says what each of them knows. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { sandboxNamespace } from "../../../overlay/names.js";
import { type FabricHost, HostFabric, inNamespaceCommand } from "../../../scripts/fabric/host-fabric.js";
import type {
  DataPlaneChange,
  DataPlaneFacts,
  DataPlaneProblem,
} from "../../../src/agent/network/data-plane-protocol.js";
import type { ObserveResult } from "../../../src/api/generated/tswarm/v1/link.js";

const CHILD = join(import.meta.dirname, "data-plane-host-child.js");

export class MeshHost {
  readonly nodeId: string;
  readonly #process: ChildProcess;
  readonly #answers: AsyncIterator<string>;
  facts!: DataPlaneFacts;

  constructor(
    readonly host: FabricHost,
    nodeId: string,
    stateDir: string,
    loadBalancer: string,
  ) {
    this.nodeId = nodeId;
    const [program, ...args] = inNamespaceCommand(host.namespace, [
      process.execPath,
      CHILD,
      nodeId,
      stateDir,
      loadBalancer,
    ]);
    this.#process = spawn(program!, args, { stdio: ["pipe", "pipe", "inherit"] });
    this.#answers = createInterface({ input: this.#process.stdout! })[Symbol.asyncIterator]();
  }

  async ready(): Promise<void> {
    this.facts = JSON.parse((await this.#next()) as string) as DataPlaneFacts;
  }

  /** @throws Error with what the kernel refused */
  async change(...changes: readonly DataPlaneChange[]): Promise<void> {
    for (const change of changes) {
      const problems = (await this.#ask(change)) as readonly DataPlaneProblem[];
      if (problems.length > 0)
        throw new Error(`${this.host.name}: ${problems.map((one) => `${one.place}: ${one.text}`).join("; ")}`);
    }
  }

  async observe(): Promise<ObserveResult> {
    return (await this.#ask({ kind: "observe" })) as ObserveResult;
  }

  async teardown(): Promise<void> {
    await this.#ask({ kind: "teardown" });
  }

  async end(): Promise<void> {
    if (this.#process.exitCode !== null) return;
    await this.teardown();
    const ended = once(this.#process, "exit");
    this.#process.stdin!.end();
    await ended;
  }

  /** The command line that runs inside one of the node's sandboxes. */
  inSandbox(sandboxId: string, command: readonly string[]): readonly string[] {
    return inNamespaceCommand(sandboxNamespace(this.nodeId, sandboxId), command);
  }

  async #ask(question: object): Promise<unknown> {
    this.#process.stdin!.write(`${JSON.stringify(question)}\n`);
    return JSON.parse((await this.#next()) as string);
  }

  async #next(): Promise<unknown> {
    const { value, done } = await this.#answers.next();
    if (done) throw new Error(`the data plane of ${this.host.name} ended`);
    return value;
  }
}

export class MeshHosts {
  readonly hosts: readonly MeshHost[];
  readonly fabric: HostFabric;
  readonly #directory: string;
  readonly #children: ChildProcess[] = [];

  private constructor(tag: string, count: number, loadBalancer: string) {
    const names = Array.from({ length: count }, (_, index) => `host${index + 1}`);
    this.fabric = HostFabric.create({ tag, hosts: [...names, "client"] });
    this.#directory = mkdtempSync(join(tmpdir(), `tswarm-${tag}-`));
    this.hosts = names.map((name, index) => {
      const nodeId = `${tag}${index}`.padEnd(8, "0").slice(-8).padEnd(25, "n");
      return new MeshHost(this.fabric.host(name), nodeId, join(this.#directory, name), loadBalancer);
    });
  }

  static async start(tag: string, count: number, loadBalancer = "auto"): Promise<MeshHosts> {
    const hosts = new MeshHosts(tag, count, loadBalancer);
    await Promise.all(hosts.hosts.map((host) => host.ready()));
    return hosts;
  }

  get client(): FabricHost {
    return this.fabric.host("client");
  }

  /** Starts a program that runs until the test ends; resolves with its first line of output. */
  async serve(command: readonly string[]): Promise<string> {
    const [program, ...args] = command;
    const child = spawn(program!, args, { stdio: ["ignore", "pipe", "inherit"] });
    this.#children.push(child);
    const { value } = await createInterface({ input: child.stdout! })[Symbol.asyncIterator]().next();
    return String(value);
  }

  run(namespace: string, command: readonly string[]): string {
    return this.exec(inNamespaceCommand(namespace, command));
  }

  exec(command: readonly string[]): string {
    const [program, ...args] = command;
    return execFileSync(program!, args, {
      encoding: "utf8",
      timeout: 60_000,
      stdio: ["ignore", "pipe", "pipe"],
    }).trim();
  }

  async end(): Promise<void> {
    for (const child of this.#children) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const ended = once(child, "exit");
      child.kill("SIGKILL");
      await ended;
    }
    for (const host of this.hosts) await host.end();
    this.fabric.remove();
    rmSync(this.#directory, { recursive: true });
  }
}

/** Such hosts for one test, gone afterwards. @param tag one letter, and no other file's */
export async function withMeshHosts(
  t: { timeout(ms: number): void },
  tag: string,
  count: number,
  work: (hosts: MeshHosts) => Promise<void>,
): Promise<void> {
  t.timeout(180_000);
  const hosts = await MeshHosts.start(`${tag}${process.pid % 10000}`, count);
  try {
    await work(hosts);
  } finally {
    await hosts.end();
  }
}
