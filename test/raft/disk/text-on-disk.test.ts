import test from "ava";
import { textOnDisk } from "../../../src/raft/disk/text-on-disk.js";
import { seeded } from "../storage/crash-story.js";
import { FaultyDisk } from "./faulty-disk.js";
import { MemoryDisk } from "./memory-disk.js";

test("wherever the power fails, the file holds what was acknowledged last, or what was about to be", async (t) => {
  for (let at = 0; at < 30; at++) {
    const disk = new MemoryDisk();
    const text = textOnDisk(new FaultyDisk(disk, { random: seeded(at), powerFailsAfter: at }), "keys");
    let acknowledged = -1;
    try {
      for (let life = 0; life < 4; life++) {
        await text.replace(`contents ${life}`);
        acknowledged = life;
      }
    } catch {
      disk.losePower();
    }
    const found = await textOnDisk(disk, "keys").read();
    t.true(
      [acknowledged, acknowledged + 1].some((life) => found === (life < 0 ? undefined : `contents ${life}`)),
      `${at}: ${found}`,
    );
    const next = textOnDisk(disk, "keys");
    await next.replace("contents of the next life");
    t.is(await next.read(), "contents of the next life");
  }
});
