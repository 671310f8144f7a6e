import test from "ava";
import { type KernelRecord, neverRun } from "./records.js";

const record = (over: Partial<KernelRecord>): KernelRecord => ({
  kernel: "host",
  file: "test/ipvs/drain",
  title: "a connection stays",
  outcome: "ran",
  ...over,
});
const left = (over: Partial<KernelRecord>): KernelRecord =>
  record({ outcome: "left", probe: "ipvs", reason: "no module", ...over });

test("a test that one kernel leaves and another runs is done", (t) => {
  t.deepEqual(neverRun([left({}), record({ kernel: "uml" }), record({ title: "other" })]), []);
});

test("a test that every kernel leaves is named, with each reason", (t) => {
  const records = [left({}), left({ kernel: "uml", probe: "nftables", reason: "Operation not supported" })];
  t.deepEqual(neverRun(records), [
    "test/ipvs/drain › a connection stays: host lacks ipvs (no module); uml lacks nftables (Operation not supported)",
  ]);
});

test("the same title in another file is another test", (t) => {
  t.is(neverRun([left({}), record({ file: "test/ipvs/other" })]).length, 1);
});
