import type { Cluster, Node, Task } from "../../api/generated/docker/swarmkit/v1/objects.js";
import type { StoreReader } from "../../store/reader.js";
import type { Store } from "../../store/store.js";
import type { Surroundings } from "./slot.js";

/** The store, as a desk sees it. */
export interface DeskView extends Surroundings {
  /** See the cluster's setting. */
  readonly historyLimit: number;
  task(id: string): Task | undefined;
  tasksOf(serviceId: string): readonly Task[];
  nodes(): readonly Node[];
}

const DEFAULT_HISTORY_LIMIT = 5;

/** Sees the store as it is at each call. */
export function deskView(store: Store, nowMs: number): DeskView {
  const look = <T>(read: (read: StoreReader) => T) => store.view(read);
  return {
    nowMs,
    historyLimit: look((read) => historyLimitOf(read.all("cluster")[0])),
    node: (id) => look((read) => read.get("node", id)),
    nodes: () => look((read) => read.all("node")),
    task: (id) => look((read) => read.get("task", id)),
    tasksOf: (serviceId) => look((read) => read.find("task", "service", serviceId)),
  };
}

export function historyLimitOf(cluster: Cluster | undefined): number {
  return cluster?.spec?.orchestration?.taskHistoryRetentionLimit ?? DEFAULT_HISTORY_LIMIT;
}
