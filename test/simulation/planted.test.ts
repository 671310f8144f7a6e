/** Is the simulation worth anything? Faults are planted, one rule broken each, and it has to find them within so many seeds. */
import test from "ava";
import { type Message, MessageType } from "../../src/api/generated/raftpb/raft.js";
import type { CommittedEntry } from "../../src/raft/node/raft.js";
import type { LogStorage, StoredState } from "../../src/raft/storage/log-storage.js";
import type { TransportFactory, TransportHandler } from "../../src/raft/transport/transport.js";
import type { Proposal } from "../../src/store/proposer.js";
import { DEFAULT_OPTIONS, type PlanOptions, planOf } from "./plan.js";
import type { Planted } from "./planted.js";
import { simulate } from "./simulate.js";

const MAX_SEEDS = 40;

/** A storage whose member finds something else than it had when it starts again. */
function recalls(change: (stored: StoredState) => StoredState): Planted {
  return { storage: (sound) => instead(sound, { load: async () => change(await sound.load()) }) };
}

/** As `sound`, but for these. */
function instead<T extends object>(sound: T, changed: Partial<T>): T {
  return new Proxy(sound, {
    get(target, name) {
      if (name in changed) return changed[name as keyof T];
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

/** A transport that changes or answers messages. */
function meddles(meddle: (message: Message, answer: (message: Message) => void) => Message): Planted {
  return {
    transport:
      (sound: TransportFactory): TransportFactory =>
      (self, handler) => {
        const wrapped: TransportHandler = instead(handler, {
          receive: (from, address, messages) =>
            handler.receive(
              from,
              address,
              messages.map((message) => meddle(message, (answer) => transport.send([answer]))),
            ),
        });
        const transport = sound(self, wrapped);
        return instead(transport, {
          send: (messages) => transport.send(messages.map((message) => meddle(message, () => undefined))),
        });
      },
  };
}

const isAcknowledged: Planted = {
  storage: (sound: LogStorage) =>
    instead(sound, {
      append: async (batch) => {
        sound.append(batch).catch(() => undefined);
      },
    }),
};

const PLANTED: Readonly<
  Record<string, { readonly planted: Planted; readonly found: readonly string[]; readonly options?: PlanOptions }>
> = {
  "a member that forgets whom it voted for": {
    planted: recalls((stored) => ({ ...stored, hardState: { ...stored.hardState, vote: "0" } })),
    found: ["one leader per term"],
    // It takes two candidates in one term, and one that votes for both.
    options: { members: 3, faults: 60, requests: 50, kinds: ["contest"] },
  },
  "a member that forgets its term": {
    planted: recalls((stored) => ({ ...stored, hardState: { ...stored.hardState, term: 0, vote: "0", commit: 0 } })),
    found: ["one leader per term", "committed entries never change"],
  },
  "a log that loses its last entry at a restart": {
    planted: recalls((stored) => ({
      ...stored,
      hardState: { ...stored.hardState, commit: 0 },
      entries: stored.entries.slice(0, -1),
    })),
    found: ["committed entries never change", "clients see one object"],
  },
  "a log that says too early that all is on the disk": {
    planted: isAcknowledged,
    found: ["committed entries never change", "clients see one object", "one leader per term"],
  },
  "a member that acknowledges entries that it has not taken": {
    planted: meddles((message, answer) => {
      const last = message.entries.at(-1);
      if (message.type === MessageType.MsgApp && last) {
        const { to, from, term } = message;
        answer({ ...message, type: MessageType.MsgAppResp, to: from, from: to, term, entries: [], index: last.Index });
      }
      return message;
    }),
    found: ["committed entries never change", "clients see one object", "no entry is skipped"],
  },
  "a member that votes for everybody": {
    planted: meddles((message) => (message.type === MessageType.MsgVoteResp ? { ...message, reject: false } : message)),
    found: ["one leader per term", "committed entries never change"],
  },
  "a store that leaves an entry out": {
    planted: {
      machine: (sound) =>
        instead(sound, {
          apply: (entries: readonly CommittedEntry<Proposal>[]) =>
            sound.apply(
              entries.map((one) => (one.index % 20 === 7 && !one.local ? { ...one, data: Buffer.alloc(0) } : one)),
            ),
        }),
    },
    found: ["committed entries never change"],
  },
  "a snapshot that leaves out an object": {
    planted: {
      machine: (sound) => instead(sound, { snapshot: () => [...sound.snapshot()].slice(0, -1) }),
    },
    found: ["equal entries give equal states"],
  },
  "a member that applies an entry twice": {
    planted: {
      machine: (sound) =>
        instead(sound, {
          apply: (entries: readonly CommittedEntry<Proposal>[]) =>
            sound.apply(entries.flatMap((one) => (one.index % 30 === 11 ? [one, one] : [one]))),
        }),
    },
    found: ["no entry is skipped"],
  },
  "reads that do not ask whether the leader still leads": {
    planted: { readBarrier: async () => undefined },
    found: ["clients see one object"],
  },
};

for (const [name, { planted, found, options = DEFAULT_OPTIONS }] of Object.entries(PLANTED)) {
  test.serial(`found: ${name}`, async (t) => {
    // That a cluster comes to a halt tells less than that it breaks its word.
    const rules: string[] = [];
    for (let seed = 1; seed <= MAX_SEEDS; seed++) {
      const { breach } = await simulate(planOf(seed, options), planted);
      if (breach) rules.push(breach.rule);
      if (!breach || !found.includes(breach.rule)) continue;
      t.pass(`seed ${seed}: ${breach.rule}`);
      return;
    }
    t.fail(`not within ${MAX_SEEDS} seeds; but: ${rules.join(", ")}`);
  });
}
