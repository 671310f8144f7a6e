/**
 * A manager as a process of its own. Prints `ready control=SOCKET remote=ADDRESS` on standard output once it serves, logs to
 * standard error, and ends on SIGTERM or SIGINT, or when standard input is a pipe that closes (its parent is gone).
 */
import { fstatSync } from "node:fs";
import { parseArgs } from "node:util";
import { logVerbosity, setLogVerbosity } from "@grpc/grpc-js";
import { DEFAULT_DATA_PATH_PORT, Manager, type ManagerOptions } from "./manager.js";
import { ManagerStartError } from "./manager-error.js";

const FLAGS = {
  "state-dir": { type: "string" },
  "listen-control-api": { type: "string" },
  "listen-remote-api": { type: "string" },
  "advertise-remote-api": { type: "string" },
  "node-id": { type: "string" },
  "data-path-port": { type: "string" },
  "heartbeat-period-ms": { type: "string" },
} as const;

function readOptions(argv: readonly string[]): ManagerOptions {
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
  return {
    stateDir: required("state-dir"),
    controlSocket: required("listen-control-api"),
    nodeId,
    ...(remoteAddress === undefined ? {} : { remoteAddress }),
    ...(advertiseAddress === undefined ? {} : { advertiseAddress }),
    dataPathPort: whole(values["data-path-port"], "data-path-port", DEFAULT_DATA_PATH_PORT, 65_535),
    heartbeatPeriodMs: whole(values["heartbeat-period-ms"], "heartbeat-period-ms", 5000, 3_600_000),
    log: (line) => process.stderr.write(`${line}\n`),
  };
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

async function main(): Promise<void> {
  const options = readOptions(process.argv.slice(2));
  // What goes wrong in gRPC reaches us as errors; it need not be told twice.
  setLogVerbosity(logVerbosity.NONE);
  const manager = new Manager(options);
  let isStopping = false;
  const stop = () => {
    if (isStopping) return;
    isStopping = true;
    manager.stop().then(() => process.exit(0), fail);
  };
  process.on("SIGTERM", stop);
  process.on("SIGINT", stop);
  await manager.start();
  onParentGone(stop);
  const host = options.remoteAddress?.slice(0, options.remoteAddress.lastIndexOf(":"));
  const remote = manager.remotePort === undefined ? "" : ` remote=${host}:${manager.remotePort}`;
  process.stdout.write(`ready control=${options.controlSocket}${remote}\n`);
}

function fail(error: unknown): never {
  const text =
    error instanceof ManagerStartError ? error.message : String(error instanceof Error ? error.stack : error);
  process.stderr.write(`tswarm-manager: ${text}\n`);
  process.exit(1);
}

main().catch(fail);
