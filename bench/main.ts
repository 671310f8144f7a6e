/** `npm run bench [GROUP …]`: runs the groups one after the other, each in a process of its own. */
import { spawnSync } from "node:child_process";
import { cpus, release, totalmem } from "node:os";
import { join } from "node:path";

/** In the order in which they run. */
const GROUPS = [
  "netlink",
  "load-balancer",
  "overlay",
  "virtual-address",
  "dns",
  "store",
  "cluster",
  "raft",
  "identity",
  "allocator",
  "scheduler",
  "dispatcher",
  "process-tasks",
  "scale",
  "tsctl",
];

const asked = process.argv.slice(2);
const unknown = asked.filter((group) => !GROUPS.includes(group));
if (unknown.length > 0) {
  console.error(`bench: no group ${unknown.join(", ")}; there are ${GROUPS.join(", ")}`);
  process.exit(2);
}

const gib = (totalmem() / 2 ** 30).toFixed(0);
console.log(`${cpus().length} × ${cpus()[0]?.model}, ${gib} GiB, Linux ${release()}, Node ${process.version}`);
let failed = 0;
for (const group of asked.length > 0 ? asked : GROUPS) {
  console.log(`\n## ${group}`);
  const { status } = spawnSync(process.execPath, ["--expose-gc", join(import.meta.dirname, `${group}.js`)], {
    stdio: "inherit",
  });
  if (status !== 0) {
    failed++;
    console.error(`bench: ${group} failed with status ${status}`);
  }
}
process.exitCode = failed > 0 ? 1 : 0;
