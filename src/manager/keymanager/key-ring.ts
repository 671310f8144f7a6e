/**
 * The keys that nodes protect their gossip and their data plane with: for each subsystem a ring of three, of which the newest took
 * the oldest one's place. Pure.
 */
import type { Cluster } from "../../api/generated/docker/swarmkit/v1/objects.js";
import {
  EncryptionKey_Algorithm as Algorithm,
  type EncryptionKey,
} from "../../api/generated/docker/swarmkit/v1/types.js";
import type { RandomBytes } from "../../store/object-id.js";

/** SwarmKit's names. */
export const SUBSYSTEMS = ["networking:gossip", "networking:ipsec"] as const;

const RING_SIZE = 3;
const KEY_BYTES = 16;
export const ROTATION_MS = 12 * 3_600_000;

/**
 * When the ring was turned last, whoever led then: a key's Lamport time is the second in which it was made, or the next one that is
 * free. To SwarmKit's nodes it is a counter.
 *
 * @returns milliseconds since 1970; undefined without keys, or when they do not say (another manager's clock was far ahead, or SwarmKit made them)
 */
export function turnedAtMs(cluster: Cluster, nowMs: number): number | undefined {
  const newest = Math.max(0, ...cluster.networkBootstrapKeys.map(({ lamportTime }) => lamportTime));
  const turnedMs = newest * 1000;
  return turnedMs > nowMs - MAX_AGE_MS && turnedMs <= nowMs + ROTATION_MS ? turnedMs : undefined;
}

/** Older keys than a year were not made by this rule. */
const MAX_AGE_MS = 365 * 86_400_000;

export function hasAllKeys(cluster: Cluster): boolean {
  return SUBSYSTEMS.every((subsystem) => ringOf(cluster.networkBootstrapKeys, subsystem).length === RING_SIZE);
}

/** @returns the cluster with what its rings lack, all else as it is */
export function withAllKeys(cluster: Cluster, random: RandomBytes, nowMs: number): Cluster {
  let next = cluster;
  for (let count = 0; count < RING_SIZE && !hasAllKeys(next); count++) {
    next = withNewKeys(next, random, nowMs, (ring) => ring.length < RING_SIZE);
  }
  return next;
}

/** @returns the cluster with a new key in each ring */
export function turned(cluster: Cluster, random: RandomBytes, nowMs: number): Cluster {
  return withNewKeys(cluster, random, nowMs, () => true);
}

function withNewKeys(
  cluster: Cluster,
  random: RandomBytes,
  nowMs: number,
  isWanted: (ring: readonly EncryptionKey[]) => boolean,
): Cluster {
  const { networkBootstrapKeys: keys, encryptionKeyLamportClock } = cluster;
  const highest = Math.max(encryptionKeyLamportClock, ...keys.map((key) => key.lamportTime));
  const lamportTime = Math.max(highest + 1, Math.floor(nowMs / 1000));
  const others = keys.filter(({ subsystem }) => !isOurs(subsystem));
  const rings = SUBSYSTEMS.flatMap((subsystem) => {
    const ring = ringOf(keys, subsystem);
    if (!isWanted(ring)) return ring;
    const key = { subsystem, algorithm: Algorithm.AES_128_GCM, key: Buffer.from(random(KEY_BYTES)), lamportTime };
    return [...ring, key].slice(-RING_SIZE);
  });
  return { ...cluster, networkBootstrapKeys: [...others, ...rings], encryptionKeyLamportClock: lamportTime };
}

/** Oldest first. */
function ringOf(keys: readonly EncryptionKey[], subsystem: string): readonly EncryptionKey[] {
  const ring = keys.filter((key) => key.subsystem === subsystem);
  return ring.sort((a, b) => a.lamportTime - b.lamportTime);
}

function isOurs(subsystem: string): boolean {
  return (SUBSYSTEMS as readonly string[]).includes(subsystem);
}
