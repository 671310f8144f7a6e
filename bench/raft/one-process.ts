/** Three members of a replicated store in this process: what they share is one core. */
import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { freePorts } from "./ports.js";
import { StoreMember } from "./store-member.js";

/** @param use gets the leader, once all vote */
export async function inOneProcess(folder: string, count: number, use: (leader: StoreMember) => Promise<void>) {
  const directory = mkdtempSync(join(folder, "one-process-"));
  const members: StoreMember[] = [];
  try {
    for (const [number, port] of (await freePorts(count)).entries()) {
      const start = { number, port, folder: join(directory, `m${number}`) };
      const joined = await members[0]?.takeIn(number, port);
      members.push(await StoreMember.open(joined ? { ...start, joined } : start));
    }
    while (members[0]!.voters !== count) await new Promise((wake) => setTimeout(wake, 50));
    await use(members[0]!);
  } finally {
    for (const member of members.reverse()) await member.stop();
    rmSync(directory, { recursive: true, force: true });
  }
}
