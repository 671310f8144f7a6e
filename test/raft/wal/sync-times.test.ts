import test from "ava";
import { SyncTimes } from "../../../src/raft/wal/sync-times.js";

test("percentiles of the last 1024", (t) => {
  const times = new SyncTimes();
  t.is(times.percentile(0.5), 0);
  times.add(3);
  t.is(times.percentile(0.5), 3);
  t.is(times.percentile(0.99), 3);
  for (let at = 0; at < 1024; at++) times.add(100);
  for (let at = 0; at < 1024; at++) times.add(at);
  t.is(times.percentile(0.5), 512);
  t.is(times.percentile(0.99), 1013);
  t.is(times.percentile(1), 1023);
});
