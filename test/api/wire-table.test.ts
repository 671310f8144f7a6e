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

const AUTHORIZATION_EXTENSION = 50201;

test("every method of every service says who may call it", (t) => {
  let methods = 0;
  for (const file of descriptors.file) {
    for (const service of file.service) {
      for (const method of service.method) {
        methods++;
        const option = method.options?.$unknown?.find((field) => field.no === AUTHORIZATION_EXTENSION);
        // A length, then field 1 of Authorization: roles 1, 2 or 3.
        t.deepEqual([...(option?.data ?? [])].slice(0, 2), [2, 8], `${service.name}.${method.name}`);
        t.true([1, 2, 3].includes(option?.data[2] ?? 0), `${service.name}.${method.name}`);
      }
    }
  }
  t.true(methods >= 67, `only ${methods} methods were found`);
});
