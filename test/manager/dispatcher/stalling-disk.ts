import type { DiskFile } from "../../../src/raft/disk/disk.js";
import { MemoryDisk } from "../../raft/disk/memory-disk.js";

/** A disk in memory that a test brings to a standstill: nothing is made durable until it goes on. */
export class StallingDisk extends MemoryDisk {
  #going: Promise<void> = Promise.resolve();

  /** @returns lets it go on */
  stall(): () => void {
    let goOn = () => {};
    this.#going = new Promise((resolve) => {
      goOn = resolve;
    });
    return goOn;
  }

  override async create(name: string, sizeBytes: number): Promise<DiskFile> {
    return this.#stalling(await super.create(name, sizeBytes));
  }

  override async open(name: string): Promise<DiskFile> {
    return this.#stalling(await super.open(name));
  }

  #stalling(file: DiskFile): DiskFile {
    return {
      name: file.name,
      size: () => file.size(),
      read: (offset, length) => file.read(offset, length),
      write: (offset, bytes) => file.write(offset, bytes),
      writeDurably: async (offset, bytes) => {
        await this.#going;
        await file.writeDurably(offset, bytes);
      },
      sync: async () => {
        await this.#going;
        await file.sync();
      },
      truncate: (sizeBytes) => file.truncate(sizeBytes),
      close: () => file.close(),
    };
  }
}
