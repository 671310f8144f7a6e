/** One host of the simulated cluster: a machine with a disk, and on it, at times, a manager. */
import { MessageType } from "../../src/api/generated/raftpb/raft.js";
import { type Raft, RaftError } from "../../src/raft/node/raft.js";
import { LogDamagedError } from "../../src/raft/storage/log-storage.js";
import { MemoryKeyRing, makeDataKey } from "../../src/security/at-rest/key-ring.js";
import type { Proposal } from "../../src/store/proposer.js";
import type { Store } from "../../src/store/store.js";
import { MemoryDisk } from "../raft/disk/memory-disk.js";
import { type ManagerStart, startManager } from "./manager.js";
import { type DiskPace, type ProcessDisk, processDisk } from "./process-disk.js";
import type { ProcessHost, SimulatedProcess } from "./process-host.js";
import { SeededRandom } from "./random.js";
import type { WatchedMachine } from "./watched-machine.js";
import type { World } from "./world.js";

const USUAL_SYNC_MS = 1;

export interface Manager {
  readonly name: string;
  readonly process: SimulatedProcess;
  readonly raft: Raft<Proposal>;
  readonly store: Store;
  readonly machine: WatchedMachine<Proposal>;
  readBarrier(): Promise<void>;
  rotateKey(): Promise<void>;
}

export type HostState =
  | "down"
  | "starting"
  | "running"
  /** Its log is damaged: it stays down, and another host takes its place. */
  | "damaged"
  /** It learnt that it was removed. */
  | "removed";

export class SimulatedHost {
  readonly disk = new MemoryDisk();
  readonly machine: ProcessHost;
  readonly nodeId: string;
  readonly keys: MemoryKeyRing;
  state: HostState = "down";
  /** To be taken out of the cluster. */
  isLeaving = false;
  /** It was a running member once: from then on its disk must tell it so. */
  hasRun = false;
  /** A sector of its disk went bad once. */
  wasCorrupted = false;
  manager: Manager | undefined;
  readonly #world: World;
  readonly #random: SeededRandom;
  readonly #pace: DiskPace = { syncMs: USUAL_SYNC_MS };
  #processDisk: ProcessDisk | undefined;
  #whenPowerFails: (() => void) | undefined;
  #fatalMessage: MessageType | undefined;

  constructor(
    world: World,
    readonly name: string,
  ) {
    this.#world = world;
    this.#random = new SeededRandom(world.seed, `host ${name}`);
    this.nodeId = `node-${name}`;
    this.machine = world.makeMachine(name, (type) => this.sent(type));
    this.keys = new MemoryKeyRing(makeDataKey(this.#random.bytes));
  }

  /** Something runs, or is about to. */
  get isUp(): boolean {
    return this.state === "running" || this.state === "starting";
  }

  start(how: ManagerStart, probe: (address: string) => Promise<void>): void {
    if (this.state === "damaged" || this.state === "removed") return;
    const process = this.machine.start();
    const disk = processDisk(this.disk, process, this.#pace, this.#random, () => {
      if (process.isAlive) this.#died("power fails in a disk operation");
    });
    this.#processDisk = disk;
    this.state = "starting";
    this.#world.trace.note(this.name, `starts (${how.kind})`);
    const around = { world: this.#world, host: this, process, disk, random: this.#random, start: how, probe };
    startManager(around).then(
      (manager) => {
        if (!process.isAlive) return;
        this.#world.begun(manager, around);
        this.manager = manager;
        this.state = "running";
        this.hasRun = true;
        this.#world.trace.note(this.name, `runs as member ${manager.raft.id}, applied ${manager.machine.applied}`);
      },
      (error: unknown) => {
        if (process.isAlive) this.#failedToStart(error);
      },
    );
  }

  crash(how: "power" | "kill"): void {
    if (!this.isUp) return;
    if (how === "power") this.#processDisk?.losePower();
    else this.#processDisk?.kill();
    this.#died(how === "power" ? "power fails" : "is killed");
  }

  /** @param then called once it has */
  failPowerAfter(operations: number, then: () => void): void {
    if (!this.isUp) return;
    this.#whenPowerFails = then;
    this.#processDisk?.failPowerAfter(operations);
  }

  /** As an operator does it. @param then called once it has */
  stop(then: () => void): void {
    const { manager } = this;
    if (!manager) return;
    this.#world.trace.note(this.name, "is asked to stop");
    this.#world.end(manager).then(
      () => {
        if (!manager.process.isAlive) return;
        this.#processDisk?.kill();
        this.#died("has stopped");
        then();
      },
      (error: unknown) => {
        if (manager.process.isAlive)
          this.#world.rules.broken("members stop", `${this.name}: ${(error as Error).stack}`);
      },
    );
  }

  rotateKey(): void {
    const { manager } = this;
    if (!manager) return;
    this.keys.add(makeDataKey(this.#random.bytes));
    manager.rotateKey().then(
      () => {
        if (manager.process.isAlive) this.#world.trace.note(this.name, "seals with a new key");
      },
      (error: unknown) => {
        if (manager.process.isAlive) this.#world.trace.note(this.name, `has no new key: ${(error as Error).message}`);
      },
    );
  }

  /** @param then called once it has */
  failPowerAfterSending(type: MessageType, then: () => void): void {
    if (!this.isUp) return;
    this.#fatalMessage = type;
    this.#whenPowerFails = then;
  }

  /** Called when a message of this host is out. */
  sent(type: MessageType): void {
    if (type !== this.#fatalMessage || !this.isUp) return;
    this.#fatalMessage = undefined;
    this.#processDisk?.losePower();
    this.#died(`power fails after a ${MessageType[type]}`);
  }

  slowDisk(syncMs: number, forMs: number): void {
    this.#pace.syncMs = syncMs;
    this.#world.time.after(forMs, () => {
      if (this.#pace.syncMs === syncMs) this.#pace.syncMs = USUAL_SYNC_MS;
    });
  }

  takeSnapshot(): void {
    const { manager } = this;
    manager?.raft.takeSnapshot().then(
      ({ index }) => {
        if (manager.process.isAlive) this.#world.trace.note(this.name, `took a snapshot of ${index}`);
      },
      (error: unknown) => {
        if (manager.process.isAlive) this.#world.trace.note(this.name, `took no snapshot: ${(error as Error).message}`);
      },
    );
  }

  /** The manager learnt that it was taken out of the cluster. */
  wasRemoved(): void {
    this.#processDisk?.kill();
    this.#died("learns that it was removed");
    this.state = "removed";
    if (!this.isLeaving) this.#world.rules.broken("who is removed was meant to be", `${this.name} was removed`);
  }

  /** The manager ended by itself. */
  failed(error: Error): void {
    this.#processDisk?.kill();
    this.#died(`ends: ${error.message}`);
    if (this.wasCorrupted && isDamage(error)) this.state = "damaged";
    else this.#world.rules.broken("members go on", `${this.name}: ${error.stack ?? error.message}`);
  }

  /** All faults of this host end. */
  heal(): void {
    this.machine.unpause();
    this.machine.setClockRate(1);
    this.#processDisk?.failPowerAfter(Number.POSITIVE_INFINITY);
    this.#whenPowerFails = undefined;
    this.#fatalMessage = undefined;
    this.#pace.syncMs = USUAL_SYNC_MS;
  }

  #died(how: string): void {
    this.#world.trace.note(this.name, how);
    this.machine.kill();
    this.manager = undefined;
    this.state = "down";
    const then = this.#whenPowerFails;
    this.#whenPowerFails = undefined;
    this.#fatalMessage = undefined;
    then?.();
  }

  #failedToStart(error: unknown): void {
    const { rules, trace } = this.#world;
    this.#processDisk?.kill();
    this.machine.kill();
    if (error instanceof RaftError && error.code === "removed") {
      this.wasRemoved();
    } else if (isDamage(error)) {
      trace.note(this.name, `does not start: ${error.message}`);
      this.state = "damaged";
      if (!this.wasCorrupted) {
        rules.broken("power failures harm no log", `${this.name} does not start: ${error.message}`);
      }
    } else {
      this.state = "down";
      rules.broken("members start", `${this.name}: ${error instanceof Error ? error.stack : String(error)}`);
    }
  }
}

function isDamage(error: unknown): error is LogDamagedError {
  return error instanceof LogDamagedError || (error instanceof Error && error.cause instanceof LogDamagedError);
}
