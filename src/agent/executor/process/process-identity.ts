/** Which process a pid means: a number alone may belong to another one by now, number and start time together cannot. */
import { readdirSync, readFileSync } from "node:fs";

export interface ProcessIdentity {
  readonly pid: number;
  /** Field 22 of /proc/PID/stat: clock ticks since the boot. */
  readonly startTicks: number;
}

export interface ProcessStat extends ProcessIdentity {
  /** "R", "S", "Z" … */
  readonly state: string;
  readonly parentPid: number;
  /** The first 15 bytes of the program's name. */
  readonly program: string;
}

/** The text of /proc/PID/stat, see proc(5). The program's name may hold blanks and brackets. */
export function parseStat(text: string): ProcessStat | undefined {
  const open = text.indexOf("(");
  const close = text.lastIndexOf(")");
  if (open < 0 || close < open) return undefined;
  const rest = text.slice(close + 2).split(" ");
  const pid = Number(text.slice(0, open));
  const parentPid = Number(rest[1]);
  const startTicks = Number(rest[19]);
  if (!Number.isInteger(pid) || !Number.isInteger(parentPid) || !Number.isInteger(startTicks)) return undefined;
  return { pid, state: rest[0]!, parentPid, startTicks, program: text.slice(open + 1, close) };
}

export function readStat(pid: number): ProcessStat | undefined {
  try {
    return parseStat(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch (error) {
    if (isGone(error)) return undefined;
    throw error;
  }
}

/** Whether exactly this process is there and not a zombie. */
export function isAlive(identity: ProcessIdentity): boolean {
  const stat = readStat(identity.pid);
  return stat !== undefined && stat.startTicks === identity.startTicks && stat.state !== "Z" && stat.state !== "X";
}

/** Sends a signal if exactly this process is still there. @returns whether it was */
export function signalProcess(identity: ProcessIdentity, signal: NodeJS.Signals): boolean {
  if (!isAlive(identity)) return false;
  try {
    process.kill(identity.pid, signal);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ESRCH") return false;
    throw error;
  }
}

/**
 * The child of `parentPid` that has `namespacePid` as its number in its own PID namespace.
 * @returns undefined when it has ended
 */
export function findChild(parentPid: number, namespacePid: number): ProcessIdentity | undefined {
  for (const pid of childrenOf(parentPid)) {
    if (innermostPid(pid) === namespacePid) return readStat(pid);
  }
  return undefined;
}

/** Kernels without CONFIG_PROC_CHILDREN have no list, so the parent of every process is looked at there. */
function childrenOf(parentPid: number): readonly number[] {
  try {
    const list = readFileSync(`/proc/${parentPid}/task/${parentPid}/children`, "utf8");
    return list.split(" ").filter(Boolean).map(Number);
  } catch (error) {
    if (!isGone(error)) throw error;
  }
  if (readStat(parentPid) === undefined) return [];
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => readStat(pid)?.parentPid === parentPid);
}

function innermostPid(pid: number): number | undefined {
  try {
    const line = /^NSpid:\s*(.*)$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
    return line === undefined ? undefined : Number(line.split(/\s+/).at(-1));
  } catch (error) {
    if (isGone(error)) return undefined;
    throw error;
  }
}

function isGone(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException).code;
  return code === "ENOENT" || code === "ESRCH";
}
