import type { Connection } from "./connection.js";
import type { Settings } from "./settings.js";
import type { Terminal } from "./terminal.js";

/** One run of one command. */
export interface Invocation {
  readonly terminal: Terminal;
  readonly settings: Settings;
  /** What stands after the command and its flags. */
  readonly args: readonly string[];
  /** The command's own flags, by their camel-case names. */
  readonly flags: Readonly<Record<string, unknown>>;
  /** Opens the one connection to the manager; closed at the end of the run. */
  connect(): Promise<Connection>;
  /** The same to the daemon of this node. @throws UsageError when --socket names a manager elsewhere */
  connectNode(): Promise<Connection>;
}

/** What a command does. @returns the exit status, 0 when nothing is returned */
export type Action = (invocation: Invocation) => Promise<number | undefined>;
