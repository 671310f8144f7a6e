/** The disk of a simulated host as one life of its process sees it: it takes its time, fails, and does not answer the dead. */
import type { Disk, DiskFile } from "../../src/raft/disk/disk.js";
import { type DiskOperation, FaultyDisk } from "../raft/disk/faulty-disk.js";
import type { MemoryDisk } from "../raft/disk/memory-disk.js";
import type { SimulatedProcess } from "./process-host.js";
import type { SeededRandom } from "./random.js";

/** How slow the disk of a host is now. */
export interface DiskPace {
  /** Of a sync; at random up to three times this. */
  syncMs: number;
}

/** Of what does not wait for the device. */
const QUICK_MS = 0.01;

export interface ProcessDisk extends Disk {
  /** The power fails in the operation after so many more that change the disk. */
  failPowerAfter(operations: number): void;
  /** The power fails now. */
  losePower(): void;
  /** The process ends now: what it has written stays. */
  kill(): void;
}

/** @param onPowerLoss called when the power fails in an operation, within it */
export function processDisk(
  disk: MemoryDisk,
  process: SimulatedProcess,
  pace: DiskPace,
  random: SeededRandom,
  onPowerLoss: () => void,
): ProcessDisk {
  const faults = {
    random: random.next,
    powerFailsAfter: undefined as number | undefined,
    delay: (operation: DiskOperation) =>
      process.whenDone(isSync(operation) ? pace.syncMs * random.between(0.3, 3) : QUICK_MS, () => undefined),
  };
  const faulty = new FaultyDisk(disk, faults);
  let isOver = false;
  const end = () => {
    if (isOver) return;
    isOver = true;
    onPowerLoss();
  };
  /** An operation of a life that is over neither succeeds nor fails: nobody is there any more. */
  const living = async <Result>(operation: () => Promise<Result>): Promise<Result> => {
    if (!process.isAlive) return never();
    try {
      const result = await operation();
      return process.isAlive ? result : never();
    } catch (error) {
      if (!faulty.isOver && process.isAlive) throw error;
      end();
      return never();
    }
  };
  const file = (of: DiskFile): DiskFile => ({
    name: of.name,
    size: () => living(() => of.size()),
    read: (offset, length) => living(() => of.read(offset, length)),
    write: (offset, bytes) => living(() => of.write(offset, bytes)),
    writeDurably: (offset, bytes) => living(() => of.writeDurably(offset, bytes)),
    sync: () => living(() => of.sync()),
    truncate: (sizeBytes) => living(() => of.truncate(sizeBytes)),
    close: () => living(() => of.close()),
  });
  return {
    list: () => living(() => faulty.list()),
    create: (name, sizeBytes) => living(async () => file(await faulty.create(name, sizeBytes))),
    open: (name) => living(async () => file(await faulty.open(name))),
    rename: (from, to) => living(() => faulty.rename(from, to)),
    remove: (name) => living(() => faulty.remove(name)),
    syncFolder: () => living(() => faulty.syncFolder()),
    failPowerAfter(operations) {
      faults.powerFailsAfter = faulty.changes + operations;
    },
    losePower() {
      isOver = true;
      faulty.losePower();
    },
    kill() {
      isOver = true;
      faulty.kill();
    },
  };
}

function isSync(operation: DiskOperation): boolean {
  return operation === "sync" || operation === "sync-folder" || operation === "write-durably";
}

/** What awaits it is forgotten with it: a promise that all of them shared would keep every world that ever was. */
function never(): Promise<never> {
  return new Promise(() => undefined);
}
