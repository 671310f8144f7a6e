import type { Disk } from "../../raft/disk/disk.js";
import type { SealedLogStorage } from "../../raft/storage/disk-log-storage.js";
import { MemoryKeyRing, makeDataKey } from "../../security/at-rest/key-ring.js";
import type { SealedKeys } from "../autolock/key-keeper.js";

export async function openLogKeys(_disk: Disk, _kek: Uint8Array | undefined) {
  const ring = new MemoryKeyRing(makeDataKey());
  return {
    ring,
    sealedFor: (_storage: SealedLogStorage): SealedKeys => ({ kek: undefined, reseal: async () => undefined }),
  };
}
