import { EndpointSpec_ResolutionMode as Mode } from "../../api/generated/docker/swarmkit/v1/specs.js";
import { Service } from "../../api/generated-json/docker/swarmkit/v1/objects.js";
import { inspectEach } from "../inspect.js";
import type { Action } from "../invocation.js";
import { type NameOf, namesOf } from "../names.js";
import { findService, listTasks, serviceName } from "../objects.js";
import { renderSections, type Section } from "../render/sections.js";
import { timestampText } from "../render/time-ago.js";
import { enumWord, labelLines, serviceMode, updateState } from "../render/words.js";
import { renderTasks } from "../task/columns.js";
import { nodesOf } from "../task/nodes.js";
import { formatPort, publishModeName } from "../values/port.js";
import { PAYLOADS, runtimeSections, taskSpecSections, updateText } from "./describe.js";
import { servicePorts } from "./list.js";

/** `tsctl service inspect SERVICE…` */
export const inspectServices: Action = async (invocation) => {
  const connection = await invocation.connect();
  return inspectEach<Service>(invocation, {
    find: (argument) => findService(connection, argument),
    toJson: Service.toJSON,
    payloads: PAYLOADS,
    describe: async (service) => {
      const tasks = (await listTasks(connection, { serviceIds: [service.id] })).filter(
        ({ serviceId }) => serviceId === service.id,
      );
      const networkIds = [
        ...(service.spec?.task?.networks ?? []).map(({ target }) => target),
        ...(service.endpoint?.virtualIps ?? []).map(({ networkId }) => networkId),
      ];
      const networkOf = await namesOf(invocation, connection, "network", networkIds);
      const nodes = await nodesOf(invocation, connection, tasks);
      return describe(service, networkOf) + renderTasks(invocation, tasks, { withNode: true, ...nodes });
    },
  });
};

function describe(service: Service, networkOf: NameOf): string {
  const { spec, endpoint } = service;
  const sections: Section[] = [
    ["ID", service.id],
    ["Name", serviceName(service)],
    ["Mode", modeText(service)],
    ["Created", timestampText(service.meta?.createdAt)],
    ["Updated", timestampText(service.meta?.updatedAt)],
    ["Update state", updateState(service)],
    ["Update started", timestampText(service.updateStatus?.startedAt)],
    ["Update ended", timestampText(service.updateStatus?.completedAt)],
    ["Run of the job", jobRunText(service)],
    ["Labels", labelLines(spec?.annotations?.labels)],
    ["Endpoint mode", enumWord(Mode, spec?.endpoint?.mode)],
    ["Ports", servicePorts(service).map((port) => `${formatPort(port)} ${publishModeName(port.publishMode)}`)],
    ["Virtual addresses", (endpoint?.virtualIps ?? []).map(({ networkId, addr }) => `${networkOf(networkId)} ${addr}`)],
    ["Runs", runtimeSections(spec?.task)],
    ...taskSpecSections(spec?.task, networkOf),
    ["Updates", updateText(spec?.update)],
    ["Rollbacks", updateText(spec?.rollback)],
  ];
  return renderSections(sections);
}

function modeText(service: Service): string {
  const mode = service.spec?.mode;
  switch (mode?.$case) {
    case "replicated":
      return `replicated, ${counted(mode.value.replicas, "replica")}`;
    case "replicatedJob": {
      const { totalCompletions, maxConcurrent } = mode.value;
      return `replicated-job, ${counted(totalCompletions, "completion")}, ${maxConcurrent || "all"} at once`;
    }
    default:
      return serviceMode(service);
  }
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}

/** Runs are counted from 0, as in the tasks. */
function jobRunText({ jobStatus }: Service): string {
  if (!jobStatus) return "";
  return `${jobStatus.jobIteration?.index ?? 0}, begun ${timestampText(jobStatus.lastExecution)}`;
}
