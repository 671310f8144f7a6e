/** Ids of members: 63-bit numbers on the wire, decimal strings here. */

/** Decimal, without leading zeros; equal ids are equal strings. */
export type MemberId = string;

/** No member: nobody leads, nobody was voted for. */
export const NOBODY: MemberId = "0";

/** Orders ids as numbers. */
export function compareMembers(a: MemberId, b: MemberId): number {
  return a.length - b.length || (a < b ? -1 : a > b ? 1 : 0);
}
