import type { Command } from "commander";
import { DEFAULT_CONTROL_SOCKET, localSockets } from "../api/local-sockets.js";
import { UsageError } from "./failure.js";
import { formatSocketAddress, parseSocketAddress, type SocketAddress } from "./socket-address.js";
import { oneOf } from "./values/amount.js";
import { durationMs, parseDuration } from "./values/duration.js";

/** What the flags that every command knows come to. */
export interface Settings {
  readonly socket: SocketAddress;
  /** Show names for ids of other objects. */
  readonly resolveNames: boolean;
  readonly format: "table" | "json";
  /** Longest wait for one answer. */
  readonly timeoutMs: number;
  /** The same where the answer takes as long as a node takes to join. */
  readonly longTimeoutMs: number;
}

const DEFAULT_TIMEOUT = "30s";
const DEFAULT_LONG_TIMEOUT_MS = 120_000;

/**
 * Adds the flags that work before and after a subcommand. They have no default here, so that the place nearest to the
 * subcommand that was typed wins.
 */
export function addGlobalFlags(command: Command): Command {
  // Docker's `-n` of logs is another.
  const hasOther = command.options.some(({ short }) => short === "-n");
  return command
    .optionsGroup("Global options:")
    .option(
      "-s, --socket <address>",
      `the manager's control socket, or HOST:PORT (TSWARM_HOST; default ${DEFAULT_CONTROL_SOCKET})`,
    )
    .option(hasOther ? "--no-resolve" : "-n, --no-resolve", "show ids of other objects instead of their names")
    .option("--format <format>", "table or json (default table)")
    .option("--timeout <duration>", `longest wait for one answer (default ${DEFAULT_TIMEOUT})`)
    .helpOption("-h, --help", "show help");
}

/** Reads the global flags of a command and of those above it. @throws UsageError */
export function readSettings(command: Command, env: Readonly<Record<string, string | undefined>>): Settings {
  const given = (name: string): string | undefined => {
    for (let at: Command | null = command; at !== null; at = at.parent) {
      if (at.getOptionValueSource(name) === "cli") return String(at.getOptionValue(name));
    }
    return undefined;
  };
  const timeoutFlag = given("timeout");
  const timeoutMs = durationMs(parseDuration(timeoutFlag ?? DEFAULT_TIMEOUT, "--timeout"));
  if (timeoutMs === 0) throw new UsageError("--timeout: 0 leaves no time for an answer: write a duration such as 30s");
  return {
    socket: readSocket(given("socket"), env),
    resolveNames: given("resolve") !== "false",
    format: oneOf("table", "json")(given("format") ?? "table", "--format"),
    timeoutMs,
    longTimeoutMs: timeoutFlag === undefined ? DEFAULT_LONG_TIMEOUT_MS : timeoutMs,
  };
}

/** The flag, else TSWARM_HOST, else SWARM_SOCKET, which SwarmKit's swarmctl has too. */
function readSocket(flag: string | undefined, env: Readonly<Record<string, string | undefined>>): SocketAddress {
  if (flag !== undefined) return parseSocketAddress(flag, "--socket");
  const name = env.TSWARM_HOST ? "TSWARM_HOST" : "SWARM_SOCKET";
  return parseSocketAddress(env[name] || DEFAULT_CONTROL_SOCKET, name);
}

/** Where the daemon of this node listens, which is beside its manager. @throws UsageError when the manager is not on this host */
export function nodeSocket(control: SocketAddress): SocketAddress {
  if (control.kind === "unix") return { kind: "unix", path: localSockets(control.path).node };
  const text = formatSocketAddress(control);
  throw new UsageError(`this concerns the node that tsctl runs on, and ${text} is no unix socket: leave out --socket`);
}
