import { type MemberId, NOBODY } from "../core/member-id.js";
import type { Random } from "./clock.js";

/** A random one of 63 bits that nobody has or had. */
export function newMemberId(random: Random, isTaken: (id: MemberId) => boolean): MemberId {
  for (;;) {
    const bytes = Buffer.from(random.bytes(8));
    const id = (bytes.readBigUInt64BE() >> 1n).toString();
    if (id !== NOBODY && !isTaken(id)) return id;
  }
}
