/** The key that unlocks the managers, as the cluster object holds it. Pure. */
import type { Cluster } from "../../api/generated/docker/swarmkit/v1/objects.js";
import {
  EncryptionKey_Algorithm as Algorithm,
  type EncryptionKey,
} from "../../api/generated/docker/swarmkit/v1/types.js";
import type { RandomBytes } from "../../store/object-id.js";

const SUBSYSTEM = "swarm-manager";
const KEY_BYTES = 32;

/** @returns the key, of 32 bytes; undefined while managers start without being unlocked */
export function unlockKeyOf(cluster: Cluster | undefined): EncryptionKey | undefined {
  if (!cluster?.spec?.encryptionConfig?.autoLockManagers) return undefined;
  return cluster.unlockKeys.find(({ subsystem }) => subsystem === SUBSYSTEM);
}

export function withNewUnlockKey(cluster: Cluster, random: RandomBytes): Cluster {
  const lamportTime = cluster.encryptionKeyLamportClock + 1;
  const key = Buffer.from(random(KEY_BYTES));
  const unlockKey = { subsystem: SUBSYSTEM, algorithm: Algorithm.AES_128_GCM, key, lamportTime };
  return { ...withoutUnlockKey(cluster), unlockKeys: [unlockKey], encryptionKeyLamportClock: lamportTime };
}

export function withoutUnlockKey(cluster: Cluster): Cluster {
  const unlockKeys = cluster.unlockKeys.filter(({ subsystem }) => subsystem !== SUBSYSTEM);
  return { ...cluster, unlockKeys };
}
