#!/usr/bin/env -S node --max-semi-space-size=1 --optimize-for-size
/** `tswarmd`, the daemon of a node. */
import { Agent } from "./agent.js";
import { findUnderlay } from "./host-facts.js";
import { leave } from "./leave.js";
import { logTo } from "./log.js";
import { ManagerProcess } from "./manager-process.js";
import { type DaemonOptions, readCommandLine, version } from "./options.js";
import { StateDirectory } from "./state-directory.js";

const STOP_LIMIT_MS = 10_000;
const log = logTo(process.stderr, "tswarmd");

/** One clear line, and status 1. */
function fail(error: unknown): never {
  process.stderr.write(`tswarmd: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}

async function run(options: DaemonOptions, state: StateDirectory): Promise<void> {
  const underlay = await findUnderlay({
    ...(options.dataPathAddress ? { dataPathAddress: options.dataPathAddress } : {}),
    ...(options.joinAddress ? { joinAddress: options.joinAddress } : { listenAddress: options.remoteAddress }),
  });
  let agent: Agent | undefined;
  let manager: ManagerProcess | undefined;
  let stopping = false;
  const stop = async (status: number) => {
    if (stopping) return;
    stopping = true;
    // What hangs must not keep the node from being started again.
    setTimeout(() => process.exit(1), STOP_LIMIT_MS).unref();
    await agent?.stop();
    await manager?.stop();
    state.unlock();
    process.exit(status);
  };
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    process.on(signal, () => {
      log(`${signal}: stopping; tasks run on`);
      stop(0).catch(fail);
    });
  }
  const giveUp = (reason: string) => {
    log(reason);
    stop(1).catch(fail);
  };
  if (!options.joinAddress) {
    manager = await ManagerProcess.start(
      state.nodeId,
      options,
      underlay.address,
      (reason) => giveUp(`the manager ended: ${reason}`),
      logTo(process.stderr, "manager"),
    );
    log(`managing the cluster: control API at ${options.controlSocket}, nodes join at ${options.remoteAddress}`);
  }
  agent = await Agent.start({
    nodeId: state.nodeId,
    runDir: state.runPath,
    daemon: options,
    underlay,
    managerAddress: options.joinAddress ?? options.controlSocket,
    version: version(),
    log,
    onFailure: (error) => giveUp(`the data plane ended: ${error.message}`),
  });
  log(`node ${state.nodeId} (${options.hostname}) runs`);
}

try {
  const command = readCommandLine(process.argv.slice(2));
  if (process.getuid?.() !== 0)
    throw new Error("the daemon must run as root: it manages namespaces, links and packet filters");
  const state = StateDirectory.open(command.kind === "run" ? command.options.stateDir : command.stateDir);
  try {
    if (command.kind === "run") await run(command.options, state);
    else {
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
