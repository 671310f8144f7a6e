/** Members on one clock and one network, each with its log in memory: a small language for what may happen to them. */
import type { ExecutionContext } from "ava";
import type { StartMode } from "../../../src/raft/node/options.js";
import type { Leadership } from "../../../src/raft/node/raft.js";
import { RaftNode } from "../../../src/raft/node/raft-node.js";
import type { RaftSettings } from "../../../src/raft/node/settings.js";
import type { LogStorage } from "../../../src/raft/storage/log-storage.js";
import { SeededRandom } from "../../simulation/random.js";
import { VirtualTime } from "../../simulation/virtual-time.js";
import { MemoryLogStorage } from "../storage/memory-log-storage.js";
import { ListMachine } from "./list-machine.js";
import { Switchboard } from "./switchboard.js";

/** Nothing takes longer than this here, whatever the election timeouts were drawn to. */
const PATIENCE_MS = 20_000;

export interface TestMember {
  readonly name: string;
  readonly node: RaftNode<string>;
  readonly machine: ListMachine;
  readonly leaderships: Leadership[];
  readonly failures: Error[];
  readonly lines: string[];
  wasRemoved: boolean;
  die(): void;
}

export class TestCluster {
  readonly time = new VirtualTime();
  readonly board = new Switchboard(this.time);
  readonly members = new Map<string, TestMember>();
  readonly #disks = new Map<string, MemoryLogStorage>();
  readonly #settings: Partial<RaftSettings>;
  readonly #wrap: (name: string, storage: LogStorage) => LogStorage;
  #lives = 0;

  constructor(
    settings: Partial<RaftSettings> = {},
    wrap: (name: string, storage: LogStorage) => LogStorage = (_, storage) => storage,
  ) {
    this.#settings = settings;
    this.#wrap = wrap;
  }

  /** Members a, b, c …: the first begins, the others join, all vote. */
  static async of(count: number, settings: Partial<RaftSettings> = {}): Promise<TestCluster> {
    const cluster = new TestCluster(settings);
    await cluster.begin("a");
    for (const name of "bcdefg".slice(0, count - 1)) await cluster.join(name);
    return cluster;
  }

  async begin(name: string): Promise<TestMember> {
    const member = await this.start(name, { kind: "bootstrap" });
    await this.until(() => member.node.leadership.role === "leader", `${name} leads`);
    return member;
  }

  /** Resolves once it votes. */
  async join(name: string): Promise<TestMember> {
    const member = await this.start(name, this.joining(name));
    await this.until(
      () => this.leader?.node.members().some(({ nodeId, isVoter }) => nodeId === `node-${name}` && isVoter) ?? false,
      `${name} votes`,
    );
    return member;
  }

  joining(name: string, address = name): StartMode {
    return {
      kind: "join",
      request: async () => {
        await this.until(() => this.leader !== undefined, "somebody leads");
        return this.leader!.node.join(`node-${name}`, address, { hasEmptyLog: true });
      },
    };
  }

  /** On the disk that a member of this name had, if there was one. */
  async start(name: string, mode: StartMode, address = name): Promise<TestMember> {
    const disk = this.#disks.get(name)?.reopened() ?? new MemoryLogStorage();
    this.#disks.set(name, disk);
    const machine = new ListMachine();
    const random = new SeededRandom(++this.#lives);
    const lines: string[] = [];
    let isAlive = true;
    const starting = RaftNode.start({
      nodeId: `node-${name}`,
      address,
      storage: this.#wrap(name, disk),
      stateMachine: machine,
      transport: (self, handler) => this.board.transport(self, handler),
      clock: {
        now: () => this.time.now,
        after: (delayMs, action) => this.time.after(delayMs, () => isAlive && action()),
        soon: (action) => void this.time.after(0, () => isAlive && action()),
      },
      random,
      settings: this.#settings,
      start: mode,
      probe: async (at) => {
        if (this.board.isCut(at)) throw new Error("nobody answers");
      },
      log: (line) => lines.push(line),
    });
    const node = await this.outcome(starting);
    const member: TestMember = {
      name,
      node,
      machine,
      leaderships: [],
      failures: [],
      lines,
      wasRemoved: false,
      die: () => {
        isAlive = false;
      },
    };
    node.onLeadership((leadership) => member.leaderships.push(leadership));
    node.onRemoved(() => {
      member.wasRemoved = true;
    });
    node.onFailure((error) => member.failures.push(error));
    this.members.set(name, member);
    return member;
  }

  get(name: string): TestMember {
    return this.members.get(name)!;
  }

  /** The one that leads in the highest term. */
  get leader(): TestMember | undefined {
    return [...this.members.values()]
      .filter(({ node }) => node.leadership.role === "leader")
      .sort((a, b) => b.node.leadership.term - a.node.leadership.term)[0];
  }

  others(than: TestMember): TestMember[] {
    return [...this.members.values()].filter((member) => member !== than);
  }

  /** Like kill -9: nothing of it happens any more. */
  kill(name: string): void {
    const member = this.get(name);
    member.die();
    this.board.silence(this.addressOf(name));
    this.members.delete(name);
  }

  forgetDisk(name: string): void {
    this.#disks.delete(name);
  }

  moveDisk(from: string, to: string): void {
    this.#disks.set(to, this.#disks.get(from)!);
    this.#disks.delete(from);
  }

  addressOf(name: string): string {
    const { node } = this.get(name);
    return node.members().find(({ raftId }) => raftId === node.id)?.address ?? name;
  }

  isolate(member: TestMember): void {
    this.board.isolate(this.addressOf(member.name));
  }

  /** Time passes until it is so. */
  async until(condition: () => boolean, what: string): Promise<void> {
    if (await this.time.run(this.time.now + PATIENCE_MS, condition)) return;
    const seen = [...this.members.values()].map(
      ({ name, node, lines }) =>
        `${name}: ${JSON.stringify(node.leadership)} applied ${node.appliedIndex} ${lines.join(" | ")}`,
    );
    throw new Error(`not within ${PATIENCE_MS} ms: ${what}\n${seen.join("\n")}`);
  }

  async pass(ms: number): Promise<void> {
    await this.time.run(this.time.now + ms, () => false);
  }

  /** Time passes until the promise has ended. @returns what it gave @throws what it threw */
  async outcome<T>(promise: Promise<T>): Promise<T> {
    let isDone = false;
    const done = promise.finally(() => {
      isDone = true;
    });
    done.catch(() => undefined);
    // A promise may need no event at all.
    await new Promise((resolve) => setImmediate(resolve));
    if (!isDone) await this.until(() => isDone, "a promise ends");
    return done;
  }

  write(value: string, by: TestMember = this.leader!): Promise<void> {
    return this.outcome(by.node.propose(Buffer.from(value), value));
  }

  /** Everybody has the same, and nothing is on its way. */
  async agree(t: ExecutionContext): Promise<void> {
    const { values, lastIndex } = this.leader!.machine;
    await this.until(
      () => [...this.members.values()].every(({ machine }) => machine.lastIndex >= lastIndex),
      "all have all",
    );
    for (const { name, machine } of this.members.values()) t.deepEqual(machine.values, values, name);
  }

  async end(): Promise<void> {
    const all = Promise.all([...this.members.values()].map(({ node }) => node.stop()));
    await this.outcome(all);
  }
}
