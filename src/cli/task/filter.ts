import type { Task } from "../../api/generated/docker/swarmkit/v1/objects.js";
import { TaskState } from "../../api/generated/docker/swarmkit/v1/types.js";
import { UsageError } from "../failure.js";
import type { NameOf } from "../names.js";
import { taskName } from "../objects.js";
import { taskState } from "../render/words.js";
import { oneOf } from "../values/amount.js";
import { splitPair } from "../values/pair.js";

/** Tells whether a task is one of those asked for. */
export type TaskFilter = (task: Task, nodeOf: NameOf) => boolean;

const KEYS = ["desired-state", "node", "name", "id"] as const;
const DESIRED_STATES = [
  TaskState.READY,
  TaskState.RUNNING,
  TaskState.COMPLETE,
  TaskState.SHUTDOWN,
  TaskState.REMOVE,
].map(taskState);

/** Reads `desired-state=running`, `node=host1`, `name=web.1`, `id=PREFIX`: alternatives within a key, all keys together. @throws UsageError */
export function readTaskFilter(texts: readonly string[], flag: string): TaskFilter {
  const wanted = new Map<(typeof KEYS)[number], string[]>();
  for (const text of texts) {
    const [name, value] = splitPair(text);
    const key = KEYS.find((one) => one === name);
    if (key === undefined || !value) throw new UsageError(`${flag}: "${text}" is not one of ${KEYS.join("=, ")}=VALUE`);
    if (key === "desired-state") oneOf(...DESIRED_STATES)(value, `${flag} desired-state`);
    wanted.set(key, [...(wanted.get(key) ?? []), value]);
  }
  return (task, nodeOf) =>
    [...wanted].every(([key, values]) => values.some((value) => MATCHES[key](task, value, nodeOf)));
}

const MATCHES: Readonly<Record<(typeof KEYS)[number], (task: Task, value: string, nodeOf: NameOf) => boolean>> = {
  "desired-state": (task, value) => taskState(task.desiredState) === value,
  node: (task, value, nodeOf) => task.nodeId === value || nodeOf(task.nodeId) === value,
  name: (task, value) => taskName(task) === value || task.annotations?.name === value,
  id: (task, value) => task.id.startsWith(value),
};
