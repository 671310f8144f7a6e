import test from "ava";
import { type CgroupHierarchy, findHierarchies } from "../../../src/agent/executor/process/cgroup-hierarchies.js";
import { outOfMemoryKills, planCgroups } from "../../../src/agent/executor/process/cgroup-plan.js";
import type { ResourceLimits } from "../../../src/agent/executor/process/process-task.js";

const unlimited: ResourceLimits = { nanoCpus: 0, memoryBytes: 0, pids: 0 };
const fail = (reason: string): never => {
  throw new Error(reason);
};
const v1: readonly CgroupHierarchy[] = ["cpu", "memory", "pids", "freezer"].map((name) => ({
  version: 1,
  mountPoint: `/cg/${name}`,
  controllers: new Set([name]),
}));
const v2: CgroupHierarchy = { version: 2, mountPoint: "/cg", controllers: new Set(["cpu", "memory", "pids", "io"]) };
const emptyV2: CgroupHierarchy = { version: 2, mountPoint: "/cg/unified", controllers: new Set(["hugetlb"]) };

const plan = (hierarchies: readonly CgroupHierarchy[], limits: Partial<ResourceLimits>) =>
  planCgroups(hierarchies, "tswarm/node/task", { ...unlimited, ...limits }, fail);
const writes = (hierarchies: readonly CgroupHierarchy[], limits: Partial<ResourceLimits>) =>
  plan(hierarchies, limits).writes.map(({ file, value }) => `${file.replace("tswarm/node/task/", "")}=${value}`);

test("hierarchies are found in mountinfo, each controller once, version 2 last", (t) => {
  const mountinfo = [
    "31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755",
    "41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw",
    "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:9 - cgroup cgroup rw,cpu,cpuacct",
    "35 31 0:32 / /sys/fs/cgroup/my\\040memory rw,relatime - cgroup cgroup rw,memory",
    "36 31 0:32 / /elsewhere/memory rw,relatime - cgroup cgroup rw,memory",
    "40 31 0:37 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,name=systemd",
    "",
  ].join("\n");
  const found = findHierarchies(mountinfo, () => ["hugetlb"]);
  t.deepEqual(
    found.map(({ version, mountPoint, controllers }) => [version, mountPoint, ...controllers]),
    [
      [1, "/sys/fs/cgroup/cpu,cpuacct", "cpu"],
      [1, "/sys/fs/cgroup/my memory", "memory"],
      [2, "/sys/fs/cgroup/unified", "hugetlb"],
    ],
  );
});

test("limits as version 1 and version 2 write them", (t) => {
  const limits = { nanoCpus: 1.5e9, memoryBytes: 1000, pids: 4 };
  t.deepEqual(writes([...v1, emptyV2], limits), [
    "/cg/cpu/cpu.cfs_period_us=100000",
    "/cg/cpu/cpu.cfs_quota_us=150000",
    "/cg/memory/memory.limit_in_bytes=1000",
    "/cg/memory/memory.memsw.limit_in_bytes=2000",
    "/cg/pids/pids.max=5",
  ]);
  t.deepEqual(writes([v2], limits), [
    "/cg/cpu.max=150000 100000",
    "/cg/memory.max=1000",
    "/cg/memory.swap.max=1000",
    "/cg/pids.max=5",
  ]);
  t.deepEqual(writes([v2], { nanoCpus: 1 }), ["/cg/cpu.max=1000 100000"]);
});

test("swap: as much as memory, none, so much, or all there is", (t) => {
  const swap = (hierarchies: readonly CgroupHierarchy[], swapBytes?: number) =>
    writes(hierarchies, { memoryBytes: 1000, swapBytes }).slice(1);
  t.deepEqual(swap(v1), ["/cg/memory/memory.memsw.limit_in_bytes=2000"]);
  t.deepEqual(swap(v1, 0), ["/cg/memory/memory.memsw.limit_in_bytes=1000"]);
  t.deepEqual(swap(v1, 500), ["/cg/memory/memory.memsw.limit_in_bytes=1500"]);
  t.deepEqual(swap(v1, -1), []);
  t.deepEqual(swap([v2], 0), ["/cg/memory.swap.max=0"]);
  t.deepEqual(swap([v2], -1), ["/cg/memory.swap.max=max"]);
  t.throws(() => writes(v1, { swapBytes: 5 }), { message: "a swap limit needs a memory limit" });
});

test("a limit whose controller is missing is refused by name, one that is not asked for is not missed", (t) => {
  const message = (what: string, name: string) => ({
    message: `a ${what} limit needs the cgroup controller "${name}", which this node does not have`,
  });
  t.throws(() => plan([emptyV2], { nanoCpus: 1 }), message("CPU", "cpu"));
  t.throws(() => plan([emptyV2], { memoryBytes: 1 }), message("memory", "memory"));
  t.throws(() => plan([], { pids: 1 }), message("process", "pids"));
  t.throws(() => plan([v2], { memoryBytes: 1, memorySwappiness: 5 }), {
    message: "cgroup version 2 has no swappiness of a group",
  });
  t.deepEqual(plan([], {}), { folders: [], writes: [], joinFirst: [], joinLast: [], outOfMemoryCounter: undefined });
});

test("version 2 controllers are switched on only where a limit needs them", (t) => {
  t.deepEqual(plan([v2], {}).folders[0]!.enable, []);
  t.deepEqual(plan([v2], { memoryBytes: 1, pids: 1 }).folders[0]!.enable, ["memory", "pids"]);
});

test("the hierarchy that counts processes is joined last", (t) => {
  const hybrid = plan([...v1, emptyV2], {});
  t.deepEqual(hybrid.joinLast, ["/cg/pids/tswarm/node/task/cgroup.procs"]);
  t.is(hybrid.joinFirst.length, 4);
  t.deepEqual(plan([v2], {}).joinFirst, []);
  t.deepEqual(plan([v2], {}).joinLast, ["/cg/tswarm/node/task/cgroup.procs"]);
});

test("out-of-memory kills are read from both versions' files", (t) => {
  t.is(outOfMemoryKills("oom_kill_disable 0\nunder_oom 0\noom_kill 2\n"), 2);
  t.is(outOfMemoryKills("low 0\nhigh 0\nmax 9\noom 4\noom_kill 1\noom_group_kill 0\n"), 1);
  t.is(outOfMemoryKills(""), 0);
});
