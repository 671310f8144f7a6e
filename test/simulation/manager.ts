/** Starts a manager's Raft and store on a simulated host: the real parts, on simulated time, disk and network. */
import type { JoinResult } from "../../src/raft/node/raft.js";
import { RaftNode } from "../../src/raft/node/raft-node.js";
import type { RaftSettings } from "../../src/raft/node/settings.js";
import { openLogStorage } from "../../src/raft/storage/disk-log-storage.js";
import { ReplicatedStore } from "../../src/store/replicated-store.js";
import type { ProcessDisk } from "./process-disk.js";
import type { SimulatedProcess } from "./process-host.js";
import type { SeededRandom } from "./random.js";
import type { Manager, SimulatedHost } from "./simulated-host.js";
import { SimulatedTransport } from "./simulated-transport.js";
import { WatchedMachine } from "./watched-machine.js";
import type { World } from "./world.js";

export type ManagerStart =
  | { readonly kind: "bootstrap" | "restart" }
  | { readonly kind: "join"; readonly request: () => Promise<JoinResult> };

export interface ManagerSurroundings {
  readonly world: World;
  readonly host: SimulatedHost;
  readonly process: SimulatedProcess;
  readonly disk: ProcessDisk;
  readonly random: SeededRandom;
  readonly start: ManagerStart;
  /** Whether somebody runs there. */
  readonly probe: (address: string) => Promise<void>;
}

export async function startManager(around: ManagerSurroundings): Promise<Manager> {
  const { world, host, process, disk, random, start, probe } = around;
  const { planted, rules, trace, switchboard } = world;
  const log = (line: string) => {
    if (process.isAlive) trace.note(host.name, line);
  };
  const replicated = new ReplicatedStore({ clock: process, random: random.bytes, log });
  world.made(replicated.store);
  const watched = new WatchedMachine(host.name, replicated.machine, replicated.store, rules, () => process.isAlive);
  const storage = openLogStorage({
    disk,
    keyRing: host.keys,
    segmentBytes: world.segmentBytes,
    randomBytes: random.bytes,
    now: () => process.now(),
  });
  const transport = (self: { readonly id: string; readonly address: string }, handler: never) =>
    new SimulatedTransport(switchboard, process, self.id, self.address, handler);
  const raft = await RaftNode.start({
    nodeId: host.nodeId,
    address: host.name,
    storage: planted.storage ? planted.storage(storage) : storage,
    stateMachine: planted.machine ? planted.machine(watched) : watched,
    transport: planted.transport ? planted.transport(transport as never) : (transport as never),
    clock: process,
    random: { bytes: random.bytes, next: world.hasTies ? () => random.int(2) / 2 : random.next },
    settings: world.settings as Partial<RaftSettings>,
    start,
    probe,
    log,
  });
  replicated.attach(raft);
  raft.onLeadership(({ role, leader, term }) => {
    if (!process.isAlive) return;
    if (role === "leader") rules.leads(raft.id, term);
    trace.note(host.name, role === "leader" ? `leads in term ${term}` : `is ${role} of ${leader} in term ${term}`);
  });
  raft.onRemoved(() => process.isAlive && host.wasRemoved());
  raft.onFailure((error) => process.isAlive && host.failed(error));
  return {
    name: host.name,
    process,
    raft,
    readBarrier: () => (planted.readBarrier ? planted.readBarrier(() => raft.readBarrier()) : raft.readBarrier()),
    store: replicated.store,
    machine: watched,
    rotateKey: () => storage.rotateKey(),
  };
}
