/** The node's folder: its id, and a lock so that no two daemons run on it. */
import { randomBytes } from "node:crypto";
import { closeSync, mkdirSync, openSync, readFileSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** In the state folder. */
export const NODE_ID_FILE = "node-id";

export class StateDirectoryError extends Error {
  override readonly name = "StateDirectoryError";
}

export class StateDirectory {
  readonly path: string;
  readonly nodeId: string;
  /** What need not outlive a reboot, in memory. */
  readonly runPath: string;
  readonly #lockFile: string;

  private constructor(path: string, nodeId: string, lockFile: string) {
    this.path = path;
    this.nodeId = nodeId;
    this.runPath = `/run/tswarm/${nodeId.slice(0, 8)}`;
    this.#lockFile = lockFile;
  }

  /** Makes the folder on first use and locks it. @throws StateDirectoryError with one clear line */
  static open(path: string): StateDirectory {
    try {
      mkdirSync(path, { recursive: true, mode: 0o700 });
    } catch (error) {
      throw new StateDirectoryError(`cannot make the state folder ${path}: ${(error as Error).message}`);
    }
    const lockFile = join(path, "tswarmd.pid");
    lock(path, lockFile);
    return new StateDirectory(path, nodeIdOf(path), lockFile);
  }

  unlock(): void {
    rmSync(this.#lockFile, { force: true });
  }
}

function lock(path: string, lockFile: string): void {
  for (let attempt = 0; attempt < 3; attempt++) {
    try {
      const fd = openSync(lockFile, "wx", 0o600);
      writeFileSync(fd, `${process.pid} ${startTime(process.pid)}\n`);
      closeSync(fd);
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") {
        throw new StateDirectoryError(`cannot write to the state folder ${path}: ${(error as Error).message}`);
      }
    }
    const [pid, started] = readFileSync(lockFile, "utf8").trim().split(" ");
    if (pid && started && startTime(Number(pid)) === started) {
      throw new StateDirectoryError(`another tswarmd (process ${pid}) runs on the state folder ${path}`);
    }
    rmSync(lockFile, { force: true });
  }
  throw new StateDirectoryError(`the lock ${lockFile} keeps coming back`);
}

/** A process's start in clock ticks since boot, with its pid namespace: what tells it from a later one with the same number. */
function startTime(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return `${stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19]}@${readlinkSync(`/proc/${pid}/ns/pid`)}`;
  } catch (error) {
    if (["ENOENT", "ESRCH"].includes((error as NodeJS.ErrnoException).code ?? "")) return undefined;
    throw error;
  }
}

function nodeIdOf(path: string): string {
  const file = join(path, NODE_ID_FILE);
  try {
    const id = readFileSync(file, "utf8").trim();
    if (!/^[0-9a-z]{25}$/.test(id)) throw new StateDirectoryError(`${file} holds no node id: "${id.slice(0, 40)}"`);
    return id;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
  const id = randomId();
  writeFileSync(file, `${id}\n`, { mode: 0o600 });
  return id;
}

/** 25 characters of base 36 from 17 random bytes, as SwarmKit's ids. */
export function randomId(): string {
  const value = BigInt(`0x${randomBytes(17).toString("hex")}`).toString(36);
  return value.padStart(25, "0").slice(-25);
}
