#!/usr/bin/env -S node --max-semi-space-size=1 --optimize-for-size
/** `tswarmd`, the daemon of a node. */
import { findUnderlay } from "./host-facts.js";
import { checkLeave, leave } from "./leave.js";
import { logTo } from "./log.js";
import { type Membership, otherManagers, readMembership } from "./membership.js";
import { ClusterNode, hasManagerLog } from "./node.js";
import { type DaemonOptions, daemonOptions, type RunFlags, readCommandLine } from "./options.js";
import { planStart } from "./start-plan.js";
import { StateDirectory } from "./state-directory.js";

const STOP_LIMIT_MS = 10_000;
const log = logTo(process.stderr, "tswarmd");

/** One clear line, and status 1. */
function fail(error: unknown): never {
  process.stderr.write(`tswarmd: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}

async function run(flags: RunFlags, state: StateDirectory): Promise<void> {
  const membership = readMembership(state.path);
  const plan = planStart(flags.start, {
    path: state.path,
    nodeId: state.nodeId,
    membership,
    hasManagerLog: hasManagerLog(state.path),
  });
  const daemon = daemonOptions(flags, plan.membership.settings);
  const underlay = await findUnderlay(underlayQuestion(daemon, plan.membership, state.nodeId));
  let stopping = false;
  const stop = async (status: number) => {
    if (stopping) return;
    stopping = true;
    // What hangs must not keep the node from being started again.
    setTimeout(() => process.exit(1), STOP_LIMIT_MS).unref();
    await node.stop();
    state.unlock();
    process.exit(status);
  };
  const node = new ClusterNode({
    state,
    daemon,
    plan,
    underlay,
    log,
    managerLog: logTo(process.stderr, "manager"),
    onFailure: (reason) => {
      log(reason);
      stop(1).catch(fail);
    },
  });
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    process.on(signal, () => {
      log(`${signal}: stopping; tasks run on`);
      stop(0).catch(fail);
    });
  }
  try {
    await node.start();
  } catch (error) {
    // The signal came first, and what was starting was stopped by it.
    if (stopping) return;
    throw error;
  }
  log(`node ${state.nodeId} (${daemon.hostname}) runs`);
}

function underlayQuestion(daemon: DaemonOptions, membership: Membership, nodeId: string) {
  return {
    ...(daemon.dataPathAddress ? { dataPathAddress: daemon.dataPathAddress } : {}),
    listenAddress: daemon.remoteAddress,
    managerAddresses: otherManagers(membership, nodeId),
  };
}

try {
  const command = readCommandLine(process.argv.slice(2));
  if (process.getuid?.() !== 0)
    throw new Error("the daemon must run as root: it manages namespaces, links and packet filters");
  const state = StateDirectory.open(command.kind === "run" ? command.flags.stateDir : command.stateDir);
  try {
    if (command.kind === "run") await run(command.flags, state);
    else {
      if (!command.force) checkLeave(readMembership(state.path), state.nodeId);
      await leave(state, log);
      state.unlock();
    }
  } catch (error) {
    state.unlock();
    throw error;
  }
} catch (error) {
  fail(error);
}
