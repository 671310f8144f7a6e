import { setTimeout as sleep } from "node:timers/promises";
import { ControlService } from "../../../api/generated/docker/swarmkit/v1/control.js";
import { NodeStatus_State as NodeState } from "../../../api/generated/docker/swarmkit/v1/types.js";
import type { Connection } from "../../connection.js";
import { CommandError, ExitCode } from "../../failure.js";
import { FlagReader } from "../../flag-reader.js";
import type { Invocation } from "../../invocation.js";
import { listNodes, listTasks, nodeName } from "../../objects.js";
import { durationMs, parseDuration } from "../../values/duration.js";
import { assess } from "./assess.js";
import { type Display, progressDisplay, silentDisplay } from "./display.js";
import { isStopping, type ServiceView } from "./view.js";

/** Pause between looks; a look that takes long makes it longer, so that waiting never loads the cluster. */
const POLL_MS = 50;
const MAX_LOAD = 0.25;
const DEFAULT_VERIFY = "1s";

/** How a command that changed a service waits for it. */
export interface WaitFlags {
  readonly detach: boolean;
  readonly quiet: boolean;
  readonly verifyMs: number;
}

/** Reads --detach, --quiet and --verify. @throws UsageError */
export function readWaitFlags(values: Readonly<Record<string, unknown>>): WaitFlags {
  const flags = new FlagReader(values);
  const verify = flags.value("--verify", parseDuration) ?? parseDuration(DEFAULT_VERIFY, "--verify");
  return { detach: flags.isSet("--detach"), quiet: flags.isSet("--quiet"), verifyMs: durationMs(verify) };
}

/** The service to wait for. */
export interface Awaited {
  readonly id: string;
  readonly name: string;
  readonly rollbackWanted?: boolean;
}

/**
 * Waits until a service has converged and stayed so for a while. Ctrl-C ends the waiting, not the service.
 * @returns the exit status
 * @throws CommandError when the cluster gave up, or the service is gone
 */
export async function waitForService(
  invocation: Invocation,
  connection: Connection,
  awaited: Awaited,
  flags: WaitFlags,
): Promise<number> {
  const { terminal } = invocation;
  const nodeNames = new Map<string, string>();
  const nodeOf = (id: string) => nodeNames.get(id) ?? id;
  const display = flags.quiet ? silentDisplay : progressDisplay(terminal, awaited.name, nodeOf);
  const interrupt = new AbortController();
  const restore = terminal.onInterrupt(() => interrupt.abort());
  try {
    await untilStable(terminal.now, display, flags.verifyMs, interrupt.signal, () =>
      look(connection, awaited, nodeNames),
    );
    return ExitCode.success;
  } catch (error) {
    if (!interrupt.signal.aborted) throw error;
    terminal.writeError(
      `no longer waiting: service ${awaited.name} stays as asked; "tsctl service ps ${awaited.name}" shows it\n`,
    );
    return ExitCode.interrupted;
  } finally {
    restore();
  }
}

async function untilStable(
  now: () => number,
  display: Display,
  verifyMs: number,
  signal: AbortSignal,
  look: () => Promise<ServiceView>,
): Promise<void> {
  let convergedAtMs: number | undefined;
  for (;;) {
    const beganMs = now();
    const progress = assess(await abortable(look(), signal));
    if (progress.failure !== undefined) throw new CommandError(progress.failure);
    display.show(progress);
    convergedAtMs = progress.converged ? (convergedAtMs ?? now()) : undefined;
    const leftMs = convergedAtMs === undefined ? Number.POSITIVE_INFINITY : convergedAtMs + verifyMs - now();
    if (leftMs <= 0) {
      return display.end(progress.completed === undefined ? "verify: service converged" : "job complete");
    }
    const pauseMs = Math.max(POLL_MS, (now() - beganMs) / MAX_LOAD);
    await sleep(Math.min(pauseMs, leftMs), undefined, { signal });
  }
}

/** Looks at a service and all that its progress depends on. */
async function look(connection: Connection, awaited: Awaited, nodeNames: Map<string, string>): Promise<ServiceView> {
  const filters = { serviceIds: [awaited.id] };
  const [{ service }, all, current] = await Promise.all([
    connection.call(ControlService.getService, { serviceId: awaited.id, insertDefaults: false }),
    listTasks(connection, filters),
    listTasks(connection, { ...filters, upToDate: true }),
  ]);
  if (service === undefined) throw new CommandError(`service ${awaited.name} was removed while it was waited for`);
  const tasks = all.filter(({ serviceId }) => serviceId === awaited.id);
  const upToDate = new Set(current.filter(({ serviceId }) => serviceId === awaited.id).map(({ id }) => id));
  const readyNodes = new Set<string>();
  if (tasks.some(isStopping) || tasks.some(({ nodeId }) => nodeId !== "" && !nodeNames.has(nodeId))) {
    for (const node of await listNodes(connection)) {
      nodeNames.set(node.id, nodeName(node) || node.id);
      if (node.status?.state === NodeState.READY) readyNodes.add(node.id);
    }
    // A node that is gone from the cluster is known by its id from now on: it is not asked for again.
    for (const { nodeId } of tasks) if (!nodeNames.has(nodeId)) nodeNames.set(nodeId, nodeId);
  }
  return { service, tasks, upToDate, readyNodes, rollbackWanted: awaited.rollbackWanted ?? false };
}

function abortable<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}
