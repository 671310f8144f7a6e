/**
 * The iptables programs of one flavour. A child process starts in the network namespace of the thread that starts it.
 */
import { spawnSync } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { PacketFilterError } from "./errors.js";

export type IptablesFlavour = "nft" | "legacy";

export interface IptablesCommands {
  readonly flavour: IptablesFlavour;
  /** File names or paths of `…-save` and `…-restore`, by family. */
  readonly save: Readonly<Record<"ip" | "ip6", string>>;
  readonly restore: Readonly<Record<"ip" | "ip6", string>>;
}

const COMMAND_TIMEOUT_MS = 30_000;
/** Another writer may hold the lock of the legacy flavour. */
const LOCK_WAIT_SECONDS = 10;
/** The nft flavour repeats one fault for every line that follows from it. */
const MAX_MESSAGE_CHARACTERS = 300;
const MAX_OUTPUT_BYTES = 256 * 1024 * 1024;

/**
 * Looks for a flavour's programs on PATH: by their own names, or behind the plain ones.
 * @returns a reason when they are not there
 */
export function findIptables(flavour: IptablesFlavour, path = process.env.PATH ?? ""): IptablesCommands | string {
  const named = commandsNamed(flavour, `tables-${flavour}`);
  if (onPath(named.restore.ip, path)) return named;
  if (!onPath("iptables-restore", path)) return `neither ${named.restore.ip} nor iptables-restore is on PATH`;
  const version = run("iptables-restore", ["--version"]);
  const plain: IptablesFlavour = version.includes("nf_tables") ? "nft" : "legacy";
  if (plain !== flavour) return `${named.restore.ip} is not on PATH, and iptables-restore is ${version.trim()}`;
  return commandsNamed(flavour, "tables");
}

function commandsNamed(flavour: IptablesFlavour, stem: string): IptablesCommands {
  return {
    flavour,
    save: { ip: `ip${stem}-save`, ip6: `ip6${stem}-save` },
    restore: { ip: `ip${stem}-restore`, ip6: `ip6${stem}-restore` },
  };
}

function onPath(file: string, path: string): boolean {
  return path.split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, file), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** @returns what the program prints. @throws PacketFilterError */
export function saveTables(commands: IptablesCommands, family: "ip" | "ip6"): string {
  return run(commands.save[family], []);
}

/** Applies `input`, each table of it as a whole. @throws PacketFilterError with the line that was refused */
export function restoreTables(commands: IptablesCommands, family: "ip" | "ip6", input: string): void {
  run(commands.restore[family], ["--noflush", "-w", String(LOCK_WAIT_SECONDS)], input);
}

function run(file: string, args: readonly string[], input?: string): string {
  const result = spawnSync(file, args, {
    encoding: "utf8",
    timeout: COMMAND_TIMEOUT_MS,
    maxBuffer: MAX_OUTPUT_BYTES,
    ...(input === undefined ? {} : { input }),
    stdio: [input === undefined ? "ignore" : "pipe", "pipe", "pipe"],
  });
  const command = [file, ...args].join(" ");
  // A program that ends before it has read its input says why by its status: the broken pipe is but a consequence.
  const hasEnded = result.status !== null && result.status !== 0;
  if (result.error && !hasEnded)
    throw new PacketFilterError(`${command}: ${result.error.message}`, { cause: result.error });
  if (result.status !== 0) {
    const outcome = result.status === null ? `ended by ${result.signal}` : `exit status ${result.status}`;
    const said = result.stderr.trim();
    throw new PacketFilterError(`${command}: ${outcome}: ${inOneLine(said)}${refusedLine(said, input)}`);
  }
  return result.stdout;
}

function inOneLine(said: string): string {
  if (said === "") return "no message";
  const line = said.replaceAll(/\s+/g, " ");
  return line.length > MAX_MESSAGE_CHARACTERS ? `${line.slice(0, MAX_MESSAGE_CHARACTERS)}…` : line;
}

/** `iptables-restore: line 7 failed` says little without the line. */
function refusedLine(said: string, input: string | undefined): string {
  const number = /line:? (\d+)/.exec(said)?.[1];
  const line = number === undefined ? undefined : input?.split("\n")[Number(number) - 1];
  return line ? ` (${line})` : "";
}
