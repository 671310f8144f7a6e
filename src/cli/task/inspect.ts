import { Task } from "../../api/generated-json/docker/swarmkit/v1/objects.js";
import { inspectEach } from "../inspect.js";
import type { Action } from "../invocation.js";
import { type NameOf, namesOf } from "../names.js";
import { findTask, networkName, taskName } from "../objects.js";
import { renderSections, type Section } from "../render/sections.js";
import { timestampText } from "../render/time-ago.js";
import { currentState, labelLines, taskState } from "../render/words.js";
import { PAYLOADS, runtimeSections, taskSpecSections } from "../service/describe.js";
import { formatPort } from "../values/port.js";

/** `tsctl task inspect TASK…` */
export const inspectTasks: Action = async (invocation) => {
  const connection = await invocation.connect();
  return inspectEach<Task>(invocation, {
    find: (argument) => findTask(connection, argument),
    toJson: Task.toJSON,
    payloads: PAYLOADS,
    describe: async (task) =>
      describe(
        task,
        await namesOf(invocation, connection, "node", [task.nodeId]),
        await namesOf(invocation, connection, "network", task.spec?.networks.map(({ target }) => target) ?? []),
        invocation.terminal.now(),
      ),
  });
};

function describe(task: Task, nodeOf: NameOf, networkOf: NameOf, nowMs: number): string {
  const status = task.status;
  const container = status?.runtimeStatus?.$case === "container" ? status.runtimeStatus.value : undefined;
  const sections: Section[] = [
    ["ID", task.id],
    ["Name", taskName(task)],
    ["Service", task.serviceAnnotations?.name || task.serviceId],
    ["Slot", task.slot > 0 ? String(task.slot) : ""],
    ["Node", nodeOf(task.nodeId)],
    ["Created", timestampText(task.meta?.createdAt)],
    ["Labels", labelLines(task.annotations?.labels)],
    ["Desired state", taskState(task.desiredState)],
    ["Current state", currentState(task, nowMs)],
    ["Message", status?.message ?? ""],
    ["Error", status?.err ?? ""],
    ["Process", container && container.pid > 0 ? String(container.pid) : ""],
    ["Exit status", container && container.exitCode !== 0 ? String(container.exitCode) : ""],
    ["Ports", (status?.portStatus?.ports ?? []).map(formatPort)],
    [
      "Networks",
      task.networks.map(({ network, addresses, aliases }) =>
        [
          network ? networkName(network) || network.id : "",
          ...addresses,
          ...aliases.map((alias) => `alias=${alias}`),
        ].join(" "),
      ),
    ],
    ["Runs", runtimeSections(task.spec)],
    ...taskSpecSections(task.spec, networkOf).filter(([name]) => name !== "Networks"),
  ];
  return renderSections(sections);
}
