/** Hosts of its own for a test, with what they wrote when it fails, and gone afterwards; and what tsctl says of a service's tasks there. */
import type { ExecutionContext } from "ava";
import { Cluster, type ClusterOptions } from "../../scripts/fabric/cluster.js";

/** @param tag short, and no other test's */
export async function withCluster(
  t: ExecutionContext,
  tag: string,
  setting: Omit<ClusterOptions, "tag">,
  work: (cluster: Cluster) => Promise<void>,
): Promise<void> {
  t.timeout(300_000);
  const cluster = await Cluster.start({ ...setting, tag: `${tag}${process.pid % 10000}` });
  try {
    await work(cluster);
  } catch (error) {
    t.log(cluster.logs());
    throw error;
  } finally {
    await cluster.remove();
  }
}

export interface TaskRow {
  readonly id: string;
  readonly slot: number;
  readonly node: string;
  readonly currentState: string;
  readonly desiredState: string;
  readonly error: string;
}

export function tasks(cluster: Cluster, service: string): readonly TaskRow[] {
  return JSON.parse(cluster.control(["service", "ps", service, "--format", "json"])) as TaskRow[];
}

export function running(cluster: Cluster, service: string): readonly TaskRow[] {
  return tasks(cluster, service).filter((task) => task.currentState === "running" && task.desiredState === "running");
}
