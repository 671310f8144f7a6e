/** Runs the compiled tsctl as a person does. */
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { Peer } from "./peer.js";

const MAIN = fileURLToPath(new URL("../../src/cli/main.js", import.meta.url));

export interface Outcome {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A tsctl that runs. */
export interface Running {
  readonly pid: number;
  readonly outcome: Promise<Outcome>;
  /** Resolves once standard error holds the text. @throws when it ends without */
  untilError(text: string): Promise<void>;
  signal(signal: NodeJS.Signals): void;
}

export interface StartOptions {
  /** As this user. */
  readonly uid?: number;
  /** On its standard input; nothing. */
  readonly input?: string;
}

/** Starts tsctl with an environment of its own. */
export function start(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  { uid, input }: StartOptions = {},
): Running {
  const child = spawn(process.execPath, [MAIN, ...args], {
    env: { PATH: process.env.PATH, ...env },
    stdio: ["pipe", "pipe", "pipe"],
    ...(uid === undefined ? {} : { uid }),
  });
  // It may end without having read.
  child.stdin.on("error", () => undefined);
  child.stdin.end(input ?? "");
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  const outcome = new Promise<Outcome>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (status) => resolve({ status, stdout, stderr }));
  });
  return {
    pid: child.pid!,
    outcome,
    untilError: (text) =>
      new Promise((resolve, reject) => {
        const look = () => {
          if (stderr.includes(text)) resolve();
        };
        child.stderr.on("data", look);
        child.once("close", () => reject(new Error(`tsctl ended without "${text}": ${stderr}`)));
        look();
      }),
    signal: (signal) => void child.kill(signal),
  };
}

/** Runs tsctl to its end. */
export function tsctl(peer: Peer | undefined, ...args: readonly string[]): Promise<Outcome> {
  return start(args, peer ? { SWARM_SOCKET: peer.socket } : {}).outcome;
}
