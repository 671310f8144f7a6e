/** Is the simulation worth anything? Faults are planted, one rule broken each, and it has to find them within so many seeds. */
import test from "ava";
import {
  AssignmentChange_AssignmentAction as AssignmentAction,
  type AssignmentsMessage,
} from "../../src/api/generated/docker/swarmkit/v1/dispatcher.js";
import type { Network, Service, Task } from "../../src/api/generated/docker/swarmkit/v1/objects.js";
import { TaskState } from "../../src/api/generated/docker/swarmkit/v1/types.js";
import { clusterPlanOf } from "./cluster-plan.js";
import type { PlantedInCluster } from "./planted.js";
import { simulateCluster } from "./simulate-cluster.js";
import { simulateClusterAndTell } from "./tell-cluster.js";

const MAX_SEEDS = 12;

/** What is written of tasks. */
const tasks = (change: (task: Task) => Task | undefined): PlantedInCluster => ({
  write: (kind, object) => (kind === "task" ? change(object as Task) : object),
});
const services = (change: (service: Service) => Service): PlantedInCluster => ({
  write: (kind, object) => (kind === "service" ? change(object as Service) : object),
});
const networks = (change: (network: Network) => Network): PlantedInCluster => ({
  write: (kind, object) => (kind === "network" ? change(object as Network) : object),
});

const withState = (task: Task, state: TaskState): Task => ({ ...task, status: { ...task.status!, state } });

/** Some tasks, always the same. */
const isChosen = ({ id }: Task) => id.charCodeAt(0) % 2 === 0;

function keepsSecrets(message: AssignmentsMessage): AssignmentsMessage {
  const changes = message.changes.filter(
    ({ action, assignment }) => action !== AssignmentAction.REMOVE || assignment?.item?.$case !== "secret",
  );
  return { ...message, changes };
}

const PLANTED: Readonly<Record<string, { readonly planted: PlantedInCluster; readonly found: readonly string[] }>> = {
  "tasks that fall back": {
    planted: {
      write: (kind, object, tx) =>
        kind === "task" && tx.get("task", object.id)?.status?.state === TaskState.RUNNING && isChosen(object as Task)
          ? withState(object as Task, TaskState.STARTING)
          : object,
    },
    found: ["tasks only grow"],
  },
  "an allocator that gives everybody the same address": {
    planted: tasks((task) => ({
      ...task,
      networks: task.networks.map((attachment) => ({ ...attachment, addresses: ["10.0.3.77/24"] })),
    })),
    found: ["nothing is given out twice"],
  },
  "an allocator that gives every service the same port": {
    planted: services((service) => ({
      ...service,
      endpoint: service.endpoint && {
        ...service.endpoint,
        ports: service.endpoint.ports.map((port) => ({ ...port, publishedPort: 30_000 })),
      },
    })),
    found: ["nothing is given out twice"],
  },
  "an allocator that gives every network the same VXLAN id": {
    planted: networks((network) => ({
      ...network,
      driverState: network.driverState && {
        ...network.driverState,
        options: { ...network.driverState.options, "com.docker.network.driver.overlay.vxlanid_list": "4097" },
      },
    })),
    found: ["nothing is given out twice"],
  },
  "an allocator that gives every network the same subnet": {
    planted: networks((network) => ({
      ...network,
      ipam: network.ipam && {
        ...network.ipam,
        configs: network.ipam.configs.map((config) => ({ ...config, subnet: "10.0.0.0/24" })),
      },
    })),
    found: ["nothing is given out twice"],
  },
  "a scheduler that puts all on one node": {
    planted: tasks((task) => (task.nodeId === "" || task.slot === 0 ? task : { ...task, nodeId: "node-w1" })),
    found: ["nodes are not overbooked", "nothing is given out twice"],
  },
  "an orchestrator that begins a replacement at once": {
    planted: tasks((task) =>
      task.desiredState === TaskState.READY ? { ...task, desiredState: TaskState.RUNNING } : task,
    ),
    found: ["no slot runs twice"],
  },
  "an orchestrator that does not stop what it replaces": {
    planted: tasks((task) =>
      task.desiredState === TaskState.SHUTDOWN && task.status?.state === TaskState.RUNNING
        ? { ...task, desiredState: TaskState.RUNNING }
        : task,
    ),
    found: ["one task of a slot is wanted", "no slot runs twice"],
  },
  "an orchestrator that forgets tasks while they run": {
    planted: tasks((task) =>
      task.desiredState === TaskState.REMOVE && task.status?.state === TaskState.RUNNING
        ? withState(task, TaskState.SHUTDOWN)
        : task,
    ),
    found: ["what runs is not forgotten", "no slot runs twice"],
  },
  "a dispatcher that does not take secrets back": {
    planted: { assignments: keepsSecrets },
    found: ["secrets only where they are needed"],
  },
  "a node that runs what is not its own": {
    planted: { run: (task) => (isChosen(task) ? { ...task, id: `${task.id.slice(1)}x` } : task) },
    found: ["nodes run what they were assigned"],
  },
  "an orchestrator that does not see that tasks ended": {
    planted: {
      write: (kind, object) => {
        if (kind !== "task") return object;
        const { desiredState, status } = object as Task;
        const hasFailed = status?.state === TaskState.FAILED || status?.state === TaskState.REJECTED;
        return hasFailed && desiredState > TaskState.COMPLETE ? undefined : object;
      },
    },
    found: ["what is asked for runs"],
  },
  "a scheduler that moves tasks while they run": {
    planted: tasks((task) =>
      task.status?.state === TaskState.RUNNING && isChosen(task) ? { ...task, nodeId: "node-w2" } : task,
    ),
    found: ["a task has one node"],
  },
  "a scheduler that gives everybody the same device": {
    planted: tasks((task) => ({
      ...task,
      assignedGenericResources:
        task.nodeId === ""
          ? []
          : [{ resource: { $case: "namedResourceSpec", value: { kind: "gpu", value: "GPU-1" } } }],
    })),
    found: ["nothing is given out twice"],
  },
  "a reaper that leaves tasks": {
    planted: { keep: (kind, id) => kind === "task" && id.charCodeAt(0) % 2 === 0 },
    found: ["nothing is left"],
  },
};

for (const [name, { planted, found }] of Object.entries(PLANTED)) {
  test.serial(`found: ${name}`, async (t) => {
    const rules: string[] = [];
    for (let seed = 1; seed <= MAX_SEEDS; seed++) {
      const plan = clusterPlanOf(seed, { members: 3, agents: 5, faults: 6, requests: 30, patienceMs: 30_000 });
      const { breach } = await simulateCluster(plan, planted);
      if (breach) rules.push(breach.rule);
      if (!breach || !found.includes(breach.rule)) continue;
      t.pass(`seed ${seed}: ${breach.rule}`);
      return;
    }
    t.fail(`not within ${MAX_SEEDS} seeds; but: ${rules.join(", ")}`);
  });
}

test.serial(
  "a failure is told with its seed, how to see it again, and a story that is shorter than the plan",
  async (t) => {
    const { planted } = PLANTED["an allocator that gives every network the same subnet"]!;
    const replay = "npm run sim -- --seed 1 --world cluster";
    const { outcome, text } = await simulateClusterAndTell(1, { members: 3, agents: 5, steps: 6 }, replay, planted);
    t.is(outcome.breach?.rule, "nothing is given out twice");
    t.true(text.startsWith("seed 1 fails: nothing is given out twice"));
    t.true(text.includes(`again: ${replay}`));
    const [, all, left] = /Of (\d+) actions (\d+) are left/.exec(text)!;
    t.true(Number(left) < Number(all) / 2, `${left} of ${all}`);
    t.true(text.trimEnd().endsWith("10.0.0.0/24 and 10.0.0.0/24"));
  },
);
