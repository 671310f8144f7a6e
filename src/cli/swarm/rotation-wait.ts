import { setTimeout as sleep } from "node:timers/promises";
import type { Cluster, Node } from "../../api/generated/docker/swarmkit/v1/objects.js";
import type { Connection } from "../connection.js";
import type { Invocation } from "../invocation.js";
import { listNodes, nodeName, theCluster } from "../objects.js";
import { Redraw } from "../render/redraw.js";
import { visible } from "../render/table.js";
import { nodeState } from "../render/words.js";
import type { Terminal } from "../terminal.js";
import { assessRotation, type RotationProgress } from "./rotation.js";

const LOOK_MS = 200;
/** So many nodes that lag are named. */
const MAX_NAMED = 5;
/** Nodes that lag so long after the last step are named. */
const PATIENCE_MS = 5000;
const BAR_CELLS = 30;

/**
 * Waits until every node has a certificate of the new root, and trusts no other. Ctrl-C ends the waiting, not the rotation.
 * @param begun the cluster with the change that began it: the manager that answers may be behind
 * @returns the cluster afterwards; undefined when the waiting was ended
 */
export async function waitForRotation(
  invocation: Invocation,
  connection: Connection,
  begun: Cluster,
  isQuiet: boolean,
): Promise<Cluster | undefined> {
  const { terminal } = invocation;
  const show = isQuiet ? () => undefined : progressDisplay(terminal);
  const interrupt = new AbortController();
  const restore = terminal.onInterrupt(() => interrupt.abort());
  try {
    for (;;) {
      const [cluster, nodes] = await Promise.all([theCluster(connection), listNodes(connection)]);
      if (versionOf(cluster) >= versionOf(begun)) {
        const progress = assessRotation(cluster, nodes);
        show(progress);
        if (progress.done) return cluster;
      }
      await sleep(LOOK_MS, undefined, { signal: interrupt.signal });
    }
  } catch (error) {
    if (!interrupt.signal.aborted) throw error;
    terminal.writeError('no longer waiting: the rotation goes on; "tsctl node ls" shows which nodes it waits for\n');
    return undefined;
  } finally {
    restore();
  }
}

function versionOf(cluster: Cluster): number {
  return cluster.meta?.version?.index ?? 0;
}

type Show = (progress: RotationProgress) => void;

function progressDisplay(terminal: Terminal): Show {
  const screen = terminal.isScreen ? new Redraw(terminal) : undefined;
  let told: readonly string[] = [];
  let changedMs = terminal.now();
  return (progress) => {
    const { digest, certified, trusting, total, waitingFor } = progress;
    const steps = [
      `desired root digest: ${digest}`,
      `  rotated TLS certificates:  ${bar(certified, total, screen !== undefined)}`,
      `  rotated CA certificates:   ${bar(trusting, total, screen !== undefined)}`,
    ];
    if (steps.some((line) => !told.includes(line))) changedMs = terminal.now();
    const isSlow = waitingFor.length > 0 && terminal.now() - changedMs >= PATIENCE_MS;
    const lines = isSlow ? [...steps, `  waiting for ${waiting(waitingFor)}`] : steps;
    if (screen) screen.draw(lines);
    else for (const line of lines) if (!told.includes(line)) terminal.writeError(`${line}\n`);
    // Told once: that it waits is no step.
    told = screen ? steps : [...lines, ...told.filter((line) => line.startsWith("  waiting for "))];
  };
}

function bar(done: number, total: number, drawn: boolean): string {
  const text = `${done}/${total} nodes`;
  if (!drawn || total === 0) return text;
  const cells = Math.round((done / total) * BAR_CELLS);
  return `[${"=".repeat(cells)}${cells < BAR_CELLS ? ">" : ""}${" ".repeat(Math.max(0, BAR_CELLS - cells - 1))}] ${text}`;
}

function waiting(nodes: readonly Node[]): string {
  const named = nodes.slice(0, MAX_NAMED).map((node) => `${nodeName(node) || node.id} (${nodeState(node)})`);
  if (nodes.length > MAX_NAMED) named.push(`${nodes.length - MAX_NAMED} more`);
  return visible(named.join(", "));
}
