/** Ids of objects: 25 characters of base 36 from 17 random bytes, as SwarmKit's. */

/** @returns that many random bytes */
export type RandomBytes = (count: number) => Uint8Array;

const RANDOM_BYTES = 17;
const LENGTH = 25;

export function newObjectId(random: RandomBytes): string {
  const value = BigInt(`0x${Buffer.from(random(RANDOM_BYTES)).toString("hex")}`).toString(36);
  return value.padStart(LENGTH, "0").slice(-LENGTH);
}
