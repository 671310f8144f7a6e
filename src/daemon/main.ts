#!/usr/bin/env -S node --max-semi-space-size=1 --optimize-for-size --interrupt-budget=1000000
/**
 * `tswarmd`, the daemon of a node. It is to be small, and what it does it does seldom: code is optimized only where it runs for long (the
 * interrupt budget), since compiling in the background costs a burst of new tasks more than it gives.
 */
import { notifier } from "../../native-bindings/service-notifier.js";
import { DEFAULT_CONTROL_SOCKET, localSockets } from "../api/local-sockets.js";
import { checkLeave, leaveCluster } from "./leave.js";
import { LocalNode } from "./local-node.js";
import { localNodeService } from "./local-node-service.js";
import { type LocalServer, serveLocally } from "./local-server.js";
import { logTo } from "./log.js";
import { findManagerUser } from "./manager-user.js";
import { readMembership } from "./membership.js";
import { type RunFlags, readCommandLine } from "./options.js";
import { StateDirectory } from "./state-directory.js";

const STOP_LIMIT_MS = 10_000;
const log = logTo(process.stderr, "tswarmd");

/** One clear line, and status 1. */
function fail(error: unknown): never {
  process.stderr.write(`tswarmd: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}

async function run(flags: RunFlags, state: StateDirectory): Promise<void> {
  const systemd = notifier(process.env, log);
  const managerUser = findManagerUser(flags.managerUser, process.getuid!());
  const remembered = readMembership(state.path)?.settings.controlSocket;
  const sockets = localSockets(flags.start.settings.controlSocket ?? remembered ?? DEFAULT_CONTROL_SOCKET);
  let server: LocalServer | undefined;
  let stopping = false;
  const stop = async (status: number) => {
    if (stopping) return;
    stopping = true;
    systemd.stopping();
    // What hangs must not keep the node from being started again.
    setTimeout(() => process.exit(1), STOP_LIMIT_MS).unref();
    await server?.close();
    await node.stop();
    state.unlock();
    process.exit(status);
  };
  const node = new LocalNode({
    state,
    flags,
    sockets,
    managerUser,
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
    server = await serveLocally(sockets.node, localNodeService(node, log), undefined, log);
    await node.start();
  } catch (error) {
    // The signal came first, and what was starting was stopped by it.
    if (stopping) return;
    await server?.close();
    await node.stop();
    throw error;
  }
  const status = node.isMember
    ? "member of a cluster"
    : 'in no cluster: "tsctl init" begins one, "tsctl join" joins one';
  if (!node.isMember) log(status);
  systemd.ready(status);
}

try {
  const command = readCommandLine(process.argv.slice(2));
  if (process.getuid?.() !== 0)
    throw new Error("the daemon must run as root: it manages namespaces, links and packet filters");
  const state = StateDirectory.open(command.kind === "run" ? command.flags.stateDir : command.stateDir);
  try {
    if (command.kind === "run") await run(command.flags, state);
    else {
      const membership = readMembership(state.path);
      if (!command.force) checkLeave(membership);
      if (membership) await leaveCluster(state, membership, log);
      state.unlock();
    }
  } catch (error) {
    state.unlock();
    throw error;
  }
} catch (error) {
  fail(error);
}
