import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Disk } from "../../../src/raft/disk/disk.js";
import { FolderDisk } from "../../../src/raft/disk/folder-disk.js";
import { openLogStorage } from "../../../src/raft/storage/disk-log-storage.js";
import { FaultyDisk } from "../disk/faulty-disk.js";
import { MemoryDisk } from "../disk/memory-disk.js";
import { testCompliance } from "./compliance.js";
import { testKeyRing } from "./log-contents.js";
import { MemoryLogStorage } from "./memory-log-storage.js";

/** Small, so that every rule goes over several segments and groups. */
const SIZES = { segmentBytes: 8 << 10, maxGroupBytes: 512 };

function onDisk(disk: () => Disk, sizes: { segmentBytes?: number; maxGroupBytes?: number }, dispose = async () => {}) {
  const keyRing = testKeyRing(1);
  return { open: async () => openLogStorage({ disk: disk(), keyRing, ...sizes }), dispose };
}

testCompliance("in memory", async () => {
  let storage = new MemoryLogStorage();
  return {
    open: async () => {
      storage = storage.reopened();
      return storage;
    },
    dispose: async () => {},
  };
});

testCompliance("on a disk in memory", async () => {
  const disk = new MemoryDisk();
  return onDisk(() => disk, SIZES);
});

testCompliance("on a faulty disk without faults", async () => {
  const disk = new MemoryDisk();
  return onDisk(() => new FaultyDisk(disk, { random: Math.random }), SIZES);
});

testCompliance("in a folder", async () => {
  const folder = await mkdtemp(join(tmpdir(), "tswarm-log-"));
  return onDisk(
    () => new FolderDisk(folder),
    SIZES,
    () => rm(folder, { recursive: true }),
  );
});

testCompliance("in a folder, in one large segment", async () => {
  const folder = await mkdtemp(join(tmpdir(), "tswarm-log-"));
  return onDisk(
    () => new FolderDisk(folder),
    { segmentBytes: 1 << 20 },
    () => rm(folder, { recursive: true }),
  );
});
