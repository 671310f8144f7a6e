/**
 * A manager as a process of its own. Prints `ready control=SOCKET remote=ADDRESS` on standard output once its servers answer, with
 * ` state=locked` in the address's place while it waits for its unlock key; logs to standard error. It ends on SIGTERM or SIGINT, when
 * standard input is a pipe that closes (its parent is gone), when the file of --while-exists goes, with status 1 when it cannot go on, and
 * with status 3 when it was taken out of the cluster.
 */
import { existsSync, fstatSync, readFileSync, rmSync } from "node:fs";
import { parseArgs } from "node:util";
import { logVerbosity, setLogVerbosity } from "@grpc/grpc-js";
import type { Notifier } from "../../native-bindings/service-notifier.js";
import { InitClusterRequest } from "../api/generated/tswarm/v1/node.js";
import { DEFAULT_SETTINGS } from "../raft/node/settings.js";
import { portOf } from "./address.js";
import { Manager } from "./manager.js";
import { ManagerStartError } from "./manager-error.js";
import { DEFAULT_DATA_PATH_PORT, DEFAULT_HEARTBEAT_MS, type ManagerOptions } from "./manager-options.js";
import { issueBySupport } from "./member/own-renewal.js";

const FLAGS = {
  "state-dir": { type: "string" },
  "listen-control-api": { type: "string" },
  "listen-remote-api": { type: "string" },
  "advertise-remote-api": { type: "string" },
  "node-id": { type: "string" },
  "data-path-port": { type: "string" },
  "heartbeat-period-ms": { type: "string" },
  "support-socket": { type: "string" },
  "while-exists": { type: "string" },
  bootstrap: { type: "string" },
  join: { type: "string" },
  "force-new-cluster": { type: "boolean" },
  "tick-ms": { type: "string" },
  "election-ticks": { type: "string" },
  "heartbeat-ticks": { type: "string" },
} as const;

const STATUS_REMOVED = 3;
const LOOK_MS = 1000;
const { tickMs: TICK_MS, electionTicks: ELECTION_TICKS, heartbeatTicks: HEARTBEAT_TICKS } = DEFAULT_SETTINGS;

interface Command {
  readonly manager: ManagerOptions;
  /** While it is there this manager is to run. */
  readonly whileExists: string | undefined;
}

function readCommand(argv: readonly string[]): Command {
  const { values } = parseFlags(argv);
  const required = (flag: "state-dir" | "listen-control-api" | "node-id") => {
    const value = values[flag];
    if (value === undefined || value === "") throw new ManagerStartError(`--${flag} is missing`);
    return value;
  };
  const nodeId = required("node-id");
  if (!/^[0-9a-z]{25}$/.test(nodeId))
    throw new ManagerStartError(`--node-id: "${nodeId}" is no node id (25 of 0-9 a-z)`);
  const remoteAddress = values["listen-remote-api"];
  const advertiseAddress = values["advertise-remote-api"];
  const join = readAddresses(values.join);
  const forceNewCluster = values["force-new-cluster"] ?? false;
  if (forceNewCluster && join.length > 0) {
    throw new ManagerStartError("--force-new-cluster and --join: a new cluster is joined by nobody else's managers");
  }
  const raft = {
    tickMs: whole(values["tick-ms"], "tick-ms", TICK_MS, 60_000),
    electionTicks: whole(values["election-ticks"], "election-ticks", ELECTION_TICKS, 1000),
    heartbeatTicks: whole(values["heartbeat-ticks"], "heartbeat-ticks", HEARTBEAT_TICKS, 1000),
  };
  if (raft.electionTicks <= raft.heartbeatTicks) {
    throw new ManagerStartError("--election-ticks must be more than --heartbeat-ticks, by far");
  }
  const support = values["support-socket"];
  const bootstrap = values.bootstrap === undefined ? undefined : readBootstrap(values.bootstrap);
  if (bootstrap && (join.length > 0 || forceNewCluster)) {
    throw new ManagerStartError("--bootstrap: a cluster is begun, joined, or begun anew");
  }
  const manager = {
    stateDir: required("state-dir"),
    controlSocket: required("listen-control-api"),
    nodeId,
    ...(remoteAddress === undefined ? {} : { remoteAddress }),
    ...(advertiseAddress === undefined ? {} : { advertiseAddress }),
    dataPathPort: whole(values["data-path-port"], "data-path-port", DEFAULT_DATA_PATH_PORT, 65_535),
    heartbeatPeriodMs: whole(values["heartbeat-period-ms"], "heartbeat-period-ms", DEFAULT_HEARTBEAT_MS, 3_600_000),
    ...(bootstrap ? { bootstrap } : {}),
    ...(support ? { issue: (csrPem: string) => issueBySupport(support, csrPem) } : {}),
    join,
    forceNewCluster,
    raft,
    log: (line: string) => process.stderr.write(`${line}\n`),
  };
  return { manager, whileExists: values["while-exists"] };
}

/** Of the daemon; it may hold a root's key, and is no longer there once it was read. */
function readBootstrap(path: string): InitClusterRequest {
  try {
    const bytes = readFileSync(path);
    rmSync(path);
    return InitClusterRequest.decode(bytes);
  } catch (error) {
    throw new ManagerStartError(`--bootstrap: ${(error as Error).message}`);
  }
}

/** "HOST:PORT[,HOST:PORT…]" */
function readAddresses(text: string | undefined): readonly string[] {
  const addresses = (text ?? "").split(",").filter((address) => address !== "");
  for (const address of addresses) {
    const port = portOf(address);
    if (!/^[^:]+:\d+$|^\[[^\]]+\]:\d+$/.test(address) || port < 1 || port > 65_535) {
      throw new ManagerStartError(`--join: "${address}" is not HOST:PORT`);
    }
  }
  return addresses;
}

function parseFlags(argv: readonly string[]) {
  try {
    return parseArgs({ args: [...argv], options: FLAGS, strict: true });
  } catch (error) {
    throw new ManagerStartError((error as Error).message);
  }
}

function whole(text: string | undefined, flag: string, absent: number, max: number): number {
  if (text === undefined) return absent;
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > max) {
    throw new ManagerStartError(`--${flag}: "${text}" is not in 1-${max}`);
  }
  return value;
}

function onParentGone(action: () => void): void {
  const stdin = fstatSync(0);
  if (!stdin.isFIFO() && !stdin.isSocket()) return;
  process.stdin.on("end", action).on("error", action).on("close", action).resume();
}

/** Only where systemd has started it does it need more of the system than Node gives: a datagram on a unix socket. */
async function systemdOf(log: (line: string) => void): Promise<Notifier | undefined> {
  if (!process.env.NOTIFY_SOCKET) return undefined;
  const { notifier } = await import("../../native-bindings/service-notifier.js");
  return notifier(process.env, log);
}

/** @returns ends the looks */
function onFileGone(path: string | undefined, action: () => void): () => void {
  if (path === undefined) return () => {};
  const timer = setInterval(() => {
    if (!existsSync(path)) action();
  }, LOOK_MS);
  return () => clearInterval(timer);
}

async function main(): Promise<void> {
  const { manager: options, whileExists } = readCommand(process.argv.slice(2));
  const systemd = await systemdOf(options.log);
  // What goes wrong in gRPC reaches us as errors; it need not be told twice.
  setLogVerbosity(logVerbosity.NONE);
  let isEnding = false;
  const end = (line: string | undefined, status: number) => {
    if (isEnding) return;
    isEnding = true;
    systemd?.stopping();
    endLooks();
    // What starts it sees that it is not to be started again.
    if (status === STATUS_REMOVED && whileExists) rmSync(whileExists, { force: true });
    if (line !== undefined) options.log(`tswarm-manager: ${line}`);
    manager.stop().then(() => process.exit(status), fail);
  };
  const manager: Manager = new Manager({
    ...options,
    onRemoved: () => end("this manager was removed from the cluster", STATUS_REMOVED),
    onFailure: (error) => end(textOf(error), 1),
  });
  const stop = () => end(undefined, 0);
  process.on("SIGTERM", stop);
  process.on("SIGINT", stop);
  onParentGone(stop);
  const endLooks = onFileGone(whileExists, stop);
  try {
    await manager.start();
  } catch (error) {
    // Stopped in the middle of its start: nothing went wrong.
    if (!isEnding) fail(error);
  }
  if (isEnding) return;
  const host = options.remoteAddress?.slice(0, options.remoteAddress.lastIndexOf(":"));
  const remote = manager.remotePort === undefined ? "" : ` remote=${host}:${manager.remotePort}`;
  const state = manager.phase === "locked" ? " state=locked" : "";
  systemd?.ready(manager.phase === "locked" ? "locked: waits for its unlock key" : "manages the cluster");
  process.stdout.write(`ready control=${options.controlSocket}${remote}${state}\n`);
}

function textOf(error: unknown): string {
  if (error instanceof ManagerStartError) return error.message;
  return String(error instanceof Error ? error.stack : error);
}

function fail(error: unknown): never {
  process.stderr.write(`tswarm-manager: ${textOf(error)}\n`);
  process.exit(1);
}

main().catch(fail);
