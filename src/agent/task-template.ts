/**
 * Placeholders in a task's environment and hostname, as SwarmKit writes them: `{{.Service.Name}}`, `{{.Task.Slot}}` and the like.
 * Only plain fields are known; anything else between braces is an error, never passed on as it stands.
 */
import type { Task } from "../api/generated/docker/swarmkit/v1/objects.js";
import { ProcessSpec } from "../api/generated/tswarm/v1/process.js";
import { TaskError } from "./executor/executor.js";
import { taskName } from "./network/local-task.js";

export interface TemplateNode {
  readonly id: string;
  readonly hostname: string;
  readonly architecture: string;
  readonly os: string;
}

const PLACEHOLDER = /\{\{\s*(.*?)\s*\}\}/g;

/** @returns the task with every placeholder of its process spec filled in. @throws TaskError for one that is not known */
export function expandTask(task: Task, node: TemplateNode): Task {
  const runtime = task.spec?.runtime;
  if (!task.spec || runtime?.$case !== "generic" || runtime.value.kind !== "process" || !runtime.value.payload)
    return task;
  const spec = ProcessSpec.decode(runtime.value.payload.value);
  if (![...spec.env, spec.hostname].some((text) => text.includes("{{"))) return task;
  const expand = (text: string) => expandTemplate(text, task, node);
  const value = ProcessSpec.encode({ ...spec, env: spec.env.map(expand), hostname: expand(spec.hostname) }).finish();
  const payload = { ...runtime.value.payload, value: Buffer.from(value) };
  return { ...task, spec: { ...task.spec, runtime: { $case: "generic", value: { ...runtime.value, payload } } } };
}

export function expandTemplate(text: string, task: Task, node: TemplateNode): string {
  return text.replace(PLACEHOLDER, (whole, expression: string) => {
    const value = lookUp(expression, task, node);
    if (value === undefined) throw new TaskError(`unknown placeholder ${whole} in "${text}"`, true);
    return value;
  });
}

function lookUp(expression: string, task: Task, node: TemplateNode): string | undefined {
  const label = /^index \.Service\.Labels "([^"]*)"$/.exec(expression)?.[1];
  if (label !== undefined) return task.serviceAnnotations?.labels[label] ?? "";
  switch (expression) {
    case ".Service.ID":
      return task.serviceId;
    case ".Service.Name":
      return task.serviceAnnotations?.name ?? "";
    case ".Node.ID":
      return node.id;
    case ".Node.Hostname":
      return node.hostname;
    case ".Node.Platform.Architecture":
      return node.architecture;
    case ".Node.Platform.OS":
      return node.os;
    case ".Task.ID":
      return task.id;
    case ".Task.Name":
      return task.annotations?.name || taskName(task);
    case ".Task.Slot":
      return task.slot > 0 ? String(task.slot) : task.nodeId;
    default:
      return undefined;
  }
}
