import type { Command } from "commander";
import { UsageError } from "./failure.js";
import { DEFAULT_SOCKET, parseSocketAddress, type SocketAddress } from "./socket-address.js";
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
}

const DEFAULT_TIMEOUT = "30s";

/**
 * Adds the flags that work before and after a subcommand. They have no default here, so that the place nearest to the
 * subcommand that was typed wins.
 */
export function addGlobalFlags(command: Command): Command {
  return command
    .optionsGroup("Global options:")
    .option(
      "-s, --socket <address>",
      `tswarmd's control socket, or HOST:PORT (SWARM_SOCKET; default ${DEFAULT_SOCKET})`,
    )
    .option("-n, --no-resolve", "show ids of other objects instead of their names")
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
  const timeoutMs = durationMs(parseDuration(given("timeout") ?? DEFAULT_TIMEOUT, "--timeout"));
  if (timeoutMs === 0) throw new UsageError("--timeout: 0 leaves no time for an answer: write a duration such as 30s");
  const socketFlag = given("socket");
  return {
    socket:
      socketFlag === undefined
        ? parseSocketAddress(env.SWARM_SOCKET || DEFAULT_SOCKET, "SWARM_SOCKET")
        : parseSocketAddress(socketFlag, "--socket"),
    resolveNames: given("resolve") !== "false",
    format: oneOf("table", "json")(given("format") ?? "table", "--format"),
    timeoutMs,
  };
}
