/** Ids of objects: 25 characters of base 36, as SwarmKit's. */

/** @returns that many random bytes */
export type RandomBytes = (count: number) => Uint8Array;

const DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz";
const LENGTH = 25;
/** Of two bytes 36 leaves a remainder that no digit is more likely by than a two-thousandth. */
const BYTES_PER_DIGIT = 2;

export function newObjectId(random: RandomBytes): string {
  const bytes = random(LENGTH * BYTES_PER_DIGIT);
  let id = "";
  for (let at = 0; at < bytes.length; at += BYTES_PER_DIGIT) id += DIGITS[((bytes[at]! << 8) | bytes[at + 1]!) % 36]!;
  return id;
}
