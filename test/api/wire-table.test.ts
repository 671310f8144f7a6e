import test from "ava";
import { compiledTable, readDescriptors, readTable, type WireTable } from "./wire-table.js";

const descriptors = readDescriptors();

for (const [file, packageName] of [
  ["swarmkit-v1.json", "docker.swarmkit.v1"],
  ["raftpb.json", "raftpb"],
] as const) {
  const expected = readTable(file, packageName);
  const compiled = compiledTable(descriptors, packageName);
  for (const part of ["messages", "enums", "services"] as const satisfies readonly (keyof WireTable)[]) {
    test(`${packageName}: ${part} are those of the wire table, by name, number, type and stream`, (t) => {
      t.deepEqual(Object.keys(compiled[part]).sort(), Object.keys(expected[part]).sort());
      for (const [name, members] of Object.entries(expected[part])) t.deepEqual(compiled[part][name], members, name);
    });
  }
}
