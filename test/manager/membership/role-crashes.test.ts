/**
 * Leaders that end in the middle of making managers and workers: between every two steps, with the step lost, and with the step done and
 * nobody told. Whoever leads next comes to the same end, and nothing on the way is worse than at the beginning.
 */
import test, { type ExecutionContext } from "ava";
import { NodeRole } from "../../../src/api/generated/docker/swarmkit/v1/types.js";
import { RoleManager, type RoleManagerOptions } from "../../../src/manager/membership/role-manager.js";
import { newNode } from "../../../src/manager/new-node.js";
import { type Member, RaftError } from "../../../src/raft/node/raft.js";
import { newReplica } from "../../store/replicas.js";

const { WORKER, MANAGER } = NodeRole;
const MAX_TERMS = 20;
const MAX_LOOKS = 20;

type Crash = { readonly at: number; readonly how: "lost" | "done" } | undefined;

const idOf = (name: string) => name.padEnd(25, "0");

/** A cluster's store and the members of its log, of which one leads; steps are counted, and one of them ends the leader. */
class World {
  readonly replica = newReplica();
  readonly members: Member[];
  readonly transcript: string[] = [];
  leader: string;
  steps = 0;
  readonly #t: ExecutionContext;
  readonly #crash: Crash;
  #isDown = false;

  constructor(t: ExecutionContext, members: readonly string[], crash: Crash) {
    this.#t = t;
    this.#crash = crash;
    this.members = members.map((name, i) => ({
      raftId: String(i + 1),
      nodeId: idOf(name),
      address: `${name}:1`,
      isVoter: true,
    }));
    this.leader = this.members[0]!.nodeId;
  }

  async begin(nodes: Readonly<Record<string, readonly [role: NodeRole, wanted: NodeRole]>>): Promise<void> {
    const { store, log } = this.replica;
    const done = store.update((tx) => {
      for (const [name, [role, desiredRole]] of Object.entries(nodes)) {
        const node = newNode(idOf(name), role, undefined);
        tx.create("node", { ...node, spec: { ...node.spec!, desiredRole } });
      }
    });
    await log.settle();
    await done;
  }

  /** Terms follow each other until nothing is left to do. */
  async run(): Promise<void> {
    for (let term = 0; term < MAX_TERMS; term++) if (await this.#term()) return;
    throw new Error(`it never ends:\n${this.transcript.join("\n")}`);
  }

  get state(): string {
    const nodes = this.replica.store.view((read) => [...read.all("node")]).sort((a, b) => (a.id < b.id ? -1 : 1));
    return [
      ...nodes.map(({ id, role }) => `${id.replace(/0+$/, "")} ${role === MANAGER ? "manager" : "worker"}`),
      `members ${this.members.map(({ nodeId }) => nodeId.replace(/0+$/, "")).join(" ")}`,
    ].join(", ");
  }

  /** @returns whether all is done */
  async #term(): Promise<boolean> {
    const { log, clock } = this.replica;
    const leader = this.leader;
    this.#isDown = false;
    const manager = new RoleManager({
      store: this.replica.store,
      clock,
      raft: this.#raft(),
      selfNodeId: leader,
      log: (line) => this.transcript.push(line),
    });
    for (let look = 0; look < MAX_LOOKS; look++) {
      let wakeAt: number | undefined | "failed";
      let isOver = false;
      const looking = manager
        .reconcile()
        .then((at) => {
          wakeAt = at;
        })
        .catch(() => {
          wakeAt = "failed";
        })
        .finally(() => {
          isOver = true;
        });
      while (!isOver) {
        await new Promise((resolve) => setImmediate(resolve));
        if (log.waiting > 0) this.#write();
      }
      await looking;
      if (this.#isDown || this.leader !== leader) {
        this.#elect();
        return false;
      }
      if (wakeAt === undefined) return true;
      if (typeof wakeAt === "number") clock.advance(wakeAt - clock.now());
    }
    return false;
  }

  /** An entry is on its way into the log. */
  #write(): void {
    const { log } = this.replica;
    const crash = this.#step();
    if (crash) log.depose(crash === "done" ? 1 : 0);
    else log.commit(1);
    this.#check();
  }

  #raft(): RoleManagerOptions["raft"] {
    return {
      members: () => this.members,
      canRemove: (id) => {
        const rest = this.members.filter(({ raftId }) => raftId !== id).length;
        return rest >= 1;
      },
      removeMember: async (id) => {
        this.#changeMembers(() => {
          const at = this.members.findIndex(({ raftId }) => raftId === id);
          if (at >= 0) this.members.splice(at, 1);
        });
      },
      transferLeadership: async () => {
        this.#changeMembers(() => {
          this.leader = this.members.find(({ nodeId }) => nodeId !== this.leader)!.nodeId;
        });
        return "";
      },
    };
  }

  #changeMembers(change: () => void): void {
    if (this.#isDown) throw new RaftError("not-leader", "it leads no more");
    const crash = this.#step();
    if (crash !== "lost") change();
    this.#check();
    if (!crash) return;
    if (this.replica.log.nextIndex !== undefined) this.replica.log.depose(0);
    throw new RaftError(crash === "lost" ? "not-leader" : "outcome-unknown", "it leads no more");
  }

  /** @returns how this very step ends the leader */
  #step(): "lost" | "done" | undefined {
    this.steps++;
    if (this.steps !== this.#crash?.at) return undefined;
    this.#isDown = true;
    return this.#crash.how;
  }

  /** Another member leads, if there is one. */
  #elect(): void {
    const { log } = this.replica;
    if (log.nextIndex !== undefined) log.depose(0);
    if (!this.members.some(({ nodeId }) => nodeId === this.leader) || this.#isDown) {
      this.leader = (this.members.find(({ nodeId }) => nodeId !== this.leader) ?? this.members[0]!).nodeId;
    }
    log.elect();
  }

  /** What holds at every moment. */
  #check(): void {
    const { store } = this.replica;
    this.#t.true(this.members.length > 0, "somebody decides");
    for (const { nodeId } of this.members) {
      const node = store.view((read) => read.get("node", nodeId));
      this.#t.false(
        node?.role === WORKER && node.spec?.desiredRole === WORKER && wasManager.has(nodeId),
        `${nodeId} is a worker and still decides`,
      );
    }
  }
}

/** Members that began as managers: their role may not go before their membership. */
const wasManager = new Set(["a", "b", "c"].map(idOf));

interface Case {
  readonly what: string;
  readonly members: readonly string[];
  readonly nodes: Readonly<Record<string, readonly [role: NodeRole, wanted: NodeRole]>>;
  readonly end: string;
}

const cases: readonly Case[] = [
  {
    what: "a worker is promoted",
    members: ["a"],
    nodes: { a: [MANAGER, MANAGER], d: [WORKER, MANAGER] },
    end: "a manager, d manager, members a",
  },
  {
    what: "a manager is demoted",
    members: ["a", "b", "c"],
    nodes: { a: [MANAGER, MANAGER], b: [MANAGER, MANAGER], c: [MANAGER, WORKER] },
    end: "a manager, b manager, c worker, members a b",
  },
  {
    what: "the leader is demoted",
    members: ["a", "b", "c"],
    nodes: { a: [MANAGER, WORKER], b: [MANAGER, MANAGER], c: [MANAGER, MANAGER] },
    end: "a worker, b manager, c manager, members b c",
  },
  {
    what: "a member whose node is gone",
    members: ["a", "b", "e"],
    nodes: { a: [MANAGER, MANAGER], b: [MANAGER, MANAGER] },
    end: "a manager, b manager, members a b",
  },
  {
    what: "all of it at once",
    members: ["a", "b", "c", "e"],
    nodes: {
      a: [MANAGER, WORKER],
      b: [MANAGER, MANAGER],
      c: [MANAGER, WORKER],
      d: [WORKER, MANAGER],
      f: [WORKER, WORKER],
    },
    end: "a worker, b manager, c worker, d manager, f worker, members b",
  },
];

async function play(t: ExecutionContext, { members, nodes }: Case, crash: Crash): Promise<World> {
  const world = new World(t, members, crash);
  await world.begin(nodes);
  await world.run();
  return world;
}

for (const one of cases) {
  test(`${one.what}: wherever the leader ends`, async (t) => {
    const whole = await play(t, one, undefined);
    t.is(whole.state, one.end);
    t.true(whole.steps > 0);
    for (let at = 1; at <= whole.steps; at++) {
      for (const how of ["lost", "done"] as const) {
        const world = await play(t, one, { at, how });
        t.is(world.state, one.end, `step ${at} ${how}:\n${world.transcript.join("\n")}`);
      }
    }
  });
}
