import test from "ava";
import { Proposals } from "../../../src/raft/node/proposals.js";

test("a member that leads again gives up what it proposed in an earlier term and never got back", async (t) => {
  const proposals = new Proposals<string>();
  const lost = proposals.add(7, 2, "lost");
  const kept = proposals.add(9, 4, "kept");
  proposals.termOpened(4);
  t.like(await t.throwsAsync(lost), { code: "not-leader" });
  t.is(proposals.size, 1);
  proposals.claim(9, 4)!.resolve();
  await kept;
});

test("one that was proposed at the same place in both terms is given up only in the earlier", async (t) => {
  const proposals = new Proposals<string>();
  const lost = proposals.add(7, 2, "lost");
  const kept = proposals.add(7, 4, "kept");
  proposals.termOpened(4);
  t.like(await t.throwsAsync(lost), { code: "not-leader" });
  const claimed = proposals.claim(7, 4)!;
  t.is(claimed.local, "kept");
  claimed.resolve();
  await kept;
});
