import test from "ava";
import type { CgroupHierarchy } from "../../../src/agent/executor/process/cgroup-hierarchies.js";
import { planCgroups } from "../../../src/agent/executor/process/cgroup-plan.js";
import { repairScript } from "../../../src/agent/executor/process/mount-repair.js";
import { TaskFiles } from "../../../src/agent/executor/process/task-files.js";
import { placeChooser } from "../../../src/agent/executor/process/task-place.js";
import { cgroupLines, unitCgroup, unitOptions, unitScript } from "../../../src/agent/executor/process/task-unit.js";
import { isUnitProcess } from "../../../src/agent/own-unit.js";
import { makeTaskBed } from "./task-bed.js";

const unified: CgroupHierarchy = {
  version: 2,
  mountPoint: "/sys/fs/cgroup",
  controllers: new Set(["cpu", "memory", "pids"]),
};
const memory: CgroupHierarchy = { version: 1, mountPoint: "/cg/memory", controllers: new Set(["memory"]) };
const never = (reason: string): never => {
  throw new Error(reason);
};

test("only the process that systemd itself started on a machine that it runs is a unit's", (t) => {
  const has = (path: string) => path === "/run/systemd/system";
  t.true(isUnitProcess({ SYSTEMD_EXEC_PID: "7" }, 7, has));
  t.false(isUnitProcess({ SYSTEMD_EXEC_PID: "7" }, 8, has), "inherited");
  t.false(
    isUnitProcess({ SYSTEMD_EXEC_PID: "7" }, 7, () => false),
    "another init",
  );
  t.false(isUnitProcess({}, 7, has));
});

test("where systemd's tree begins", (t) => {
  const at = (text: string) => unitCgroup("tswarm-n-t.service", text);
  t.is(at("0::/init.scope\n"), "tswarm.slice/tswarm-n-t.service");
  t.is(at("3:memory:/x\n1:name=systemd:/init.scope\n"), "tswarm.slice/tswarm-n-t.service");
  t.is(at("0::/machine/box/init.scope\n"), "machine/box/tswarm.slice/tswarm-n-t.service");
  t.is(at("9:name=systemd:/\n0::/system.slice/x\n"), "tswarm.slice/tswarm-n-t.service");
});

test("options of a unit are single words", (t) => {
  t.deepEqual(
    unitOptions().filter((word) => /[\s'"$\\]/.test(word)),
    [],
  );
});

test("with version 2 what sets a task up leaves the unit's own cgroup first, and controllers come on after that", (t) => {
  const limits = { nanoCpus: 5e8, memoryBytes: 1 << 20, pids: 3 };
  const plan = planCgroups([unified], "tswarm.slice/u.service/task", limits, never);
  t.deepEqual(cgroupLines(plan), [
    "mkdir -p '/sys/fs/cgroup/tswarm.slice/u.service/task'",
    "echo '+cpu +memory +pids' >'/sys/fs/cgroup/tswarm.slice/u.service/cgroup.subtree_control'",
    "echo '50000 100000' >'/sys/fs/cgroup/tswarm.slice/u.service/task/cpu.max'",
    "echo '1048576' >'/sys/fs/cgroup/tswarm.slice/u.service/task/memory.max'",
    "if [ -e '/sys/fs/cgroup/tswarm.slice/u.service/task/memory.swap.max' ]; then echo '1048576' >'/sys/fs/cgroup/tswarm.slice/u.service/task/memory.swap.max'; fi",
    "echo '4' >'/sys/fs/cgroup/tswarm.slice/u.service/task/pids.max'",
  ]);
  const probed = planCgroups([unified], "tswarm.slice/u.service/task", limits, never, true);
  t.is(probed.probes, "/sys/fs/cgroup/tswarm.slice/u.service/task/probe");
  t.true(cgroupLines(probed).includes(`mkdir -p '${probed.probes}'`));
  t.true(cgroupLines(probed).includes("echo '5' >'/sys/fs/cgroup/tswarm.slice/u.service/task/pids.max'"));
  const script = unitScript({
    hierarchies: [memory, unified],
    cgroup: "tswarm.slice/u.service",
    folder: "/run/it's",
    outputFolder: "/out",
    namespacePath: "/run/netns/n",
    path: "/bin",
  });
  const lines = script.split("\n");
  const left = lines.indexOf("echo 0 >'/sys/fs/cgroup/tswarm.slice/u.service/start/cgroup.procs'");
  t.true(left > 0 && left < lines.findIndex((line) => line.startsWith("exec env -i PATH=/bin setsid --fork nsenter")));
  t.false(script.includes("/cg/memory"), "version 1 has no such rule");
  t.true(lines.includes(`cd -- '/run/it'\\''s'`));
});

test("a task stays where it was started, a new one goes where the agent starts tasks", async (t) => {
  const bed = makeTaskBed(t);
  const files = (id: string) => new TaskFiles({ run: `${bed.stateDir}/run`, state: `${bed.stateDir}/state` }, id);
  const init = "0::/init.scope\n";
  const beside = placeChooser("tswarm/node8", undefined);
  const units = placeChooser("tswarm/node8", init);
  const unit = {
    unit: "tswarm-node8-t.service",
    unitCgroup: "tswarm.slice/tswarm-node8-t.service",
    cgroup: "tswarm.slice/tswarm-node8-t.service/task",
    keptAbove: "tswarm.slice",
  };
  const own = { cgroup: "tswarm/node8/t", keptAbove: "." };
  t.deepEqual(beside("t", files("t")), own);
  t.deepEqual(units("t", files("t")), unit);
  await files("t").make();
  await files("t").write({ setup: "begun without a unit" });
  t.deepEqual(units("t", files("t")), own);
  await files("t").write({ unit: "tswarm-node8-t.service tswarm.slice/tswarm-node8-t.service\n" });
  t.deepEqual(units("t", files("t")), unit);
  t.deepEqual(beside("t", files("t")), unit);
});

test("the script that puts mounts back names each task with each file, whatever is in a path", (t) => {
  const task = { taskId: "t1", supervisor: { pid: 12, startTicks: 345 } };
  const script = repairScript([task], [{ name: "hosts", target: "/etc/my hosts" }]);
  t.true(script.includes("(put_back t1 12 345 hosts '/etc/my hosts' '/etc/my\\040hosts')"), script);
});
