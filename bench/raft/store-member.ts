/** One member of a replicated store: log on disk and sealed, TLS between members, no loops of a manager. */
import { mkdirSync } from "node:fs";
import { Server } from "@grpc/grpc-js";
import { SERVER_OPTIONS } from "../../src/api/transport-options.js";
import { FolderDisk } from "../../src/raft/disk/folder-disk.js";
import { systemClock } from "../../src/raft/node/clock.js";
import type { JoinResult } from "../../src/raft/node/raft.js";
import { RaftNode } from "../../src/raft/node/raft-node.js";
import { openLogStorage } from "../../src/raft/storage/disk-log-storage.js";
import { grpcTransport } from "../../src/raft/transport/grpc-transport.js";
import { RaftServices } from "../../src/raft/transport/raft-services.js";
import { MemoryKeyRing, makeDataKey } from "../../src/security/at-rest/key-ring.js";
import { selfSignedCertificate } from "../../src/security/pki/self-signed.js";
import { serverCredentials, trustingCredentials } from "../../src/security/transport.js";
import type { Proposal } from "../../src/store/proposer.js";
import { ReplicatedStore } from "../../src/store/replicated-store.js";
import { systemRandom } from "../../src/store/system-random.js";
import { newTask } from "./sample-task.js";

export interface MemberStart {
  readonly number: number;
  readonly port: number;
  readonly folder: string;
  /** The answer of a member that this one was taken in by; absent: it is the first. */
  readonly joined?: JoinResult;
}

export interface WritersResult {
  readonly writes: number;
  readonly seconds: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Of the whole process. */
  readonly cpuMs: number;
}

export class StoreMember {
  readonly raft: RaftNode<Proposal>;
  readonly #replicated: ReplicatedStore;
  readonly #server: Server;

  private constructor(raft: RaftNode<Proposal>, replicated: ReplicatedStore, server: Server) {
    this.raft = raft;
    this.#replicated = replicated;
    this.#server = server;
  }

  /** Resolves when it leads, for the first one, or has been taken in. */
  static async open({ number, port, folder, joined }: MemberStart): Promise<StoreMember> {
    const nodeId = nodeIdOf(number);
    const address = `127.0.0.1:${port}`;
    const log = (line: string) => process.stderr.write(`member ${number}: ${line}\n`);
    mkdirSync(folder, { recursive: true });
    const replicated = new ReplicatedStore({ clock: systemClock, random: systemRandom, log });
    const received = new RaftServices({ resolveAddress: () => undefined, log });
    const server = new Server(SERVER_OPTIONS);
    for (const { definition, implementation } of [received.raft, received.transport]) {
      server.addService(definition, implementation);
    }
    const certificate = selfSignedCertificate(
      { organization: "bench", organizationalUnit: "swarm-manager", commonName: nodeId, dnsNames: ["swarm-manager"] },
      Date.now(),
    );
    await new Promise<void>((resolve, reject) => {
      server.bindAsync(address, serverCredentials(certificate), (error) => (error ? reject(error) : resolve()));
    });
    const makeTransport = grpcTransport({
      credentials: trustingCredentials,
      log,
    });
    const raft = await RaftNode.start<Proposal>({
      nodeId,
      address,
      storage: openLogStorage({
        disk: new FolderDisk(folder),
        keyRing: new MemoryKeyRing(makeDataKey()),
      }),
      stateMachine: replicated.machine,
      transport: (self, handler) => {
        received.setHandler(handler);
        return makeTransport(self, handler);
      },
      clock: systemClock,
      random: { bytes: systemRandom, next: Math.random },
      start: joined ? { kind: "join", request: async () => joined } : { kind: "bootstrap" },
      log: () => {},
    });
    replicated.attach(raft);
    if (!joined) await untilLeading(raft);
    return new StoreMember(raft, replicated, server);
  }

  get voters(): number {
    return this.raft.members().filter(({ isVoter }) => isVoter).length;
  }

  takeIn(number: number, port: number): Promise<JoinResult> {
    return this.raft.join(nodeIdOf(number), `127.0.0.1:${port}`);
  }

  /** So many writers, each one transaction after the other. */
  async writers(count: number, seconds: number): Promise<WritersResult> {
    const timesMs: number[] = [];
    const cpu = process.cpuUsage();
    const begun = performance.now();
    const end = begun + seconds * 1000;
    await Promise.all(
      Array.from({ length: count }, async (_, writer) => {
        for (let at = performance.now(); at < end; ) {
          await this.#replicated.store.update((tx) => tx.create("task", newTask(writer)));
          const now = performance.now();
          timesMs.push(now - at);
          at = now;
        }
      }),
    );
    const took = (performance.now() - begun) / 1000;
    const { user, system } = process.cpuUsage(cpu);
    timesMs.sort((a, b) => a - b);
    return {
      writes: timesMs.length,
      seconds: took,
      p50Ms: timesMs[timesMs.length >> 1] ?? 0,
      p99Ms: timesMs[Math.floor(timesMs.length * 0.99)] ?? 0,
      cpuMs: (user + system) / 1000,
    };
  }

  /** Creates so many tasks by one batch. @returns seconds */
  async batch(objects: number): Promise<number> {
    const begun = performance.now();
    const numbers = Array.from({ length: objects }, (_, index) => index);
    await this.#replicated.store.batch(numbers, (tx, number) => tx.create("task", newTask(number)));
    return (performance.now() - begun) / 1000;
  }

  async stop(): Promise<void> {
    await this.raft.stop();
    this.#server.forceShutdown();
  }
}

function nodeIdOf(number: number): string {
  return `bench${number}`.padEnd(25, "0");
}

function untilLeading(raft: RaftNode<Proposal>): Promise<void> {
  return new Promise((leads) => {
    const look = () => {
      if (raft.leadership.role === "leader") leads();
    };
    raft.onLeadership(look);
    look();
  });
}
