/** The node's folder, and a lock so that no two daemons run on it. */
import { randomBytes } from "node:crypto";
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export class StateDirectoryError extends Error {
  override readonly name = "StateDirectoryError";
}

const MANAGER_FOLDER = "manager";
const CERTIFICATES_FOLDER = "certificates";
/** In a manager's folder: its log and the keys of that. */
const LOG_FOLDER = "raft";

export class StateDirectory {
  readonly path: string;
  readonly #lockFile: string;

  private constructor(path: string, lockFile: string) {
    this.path = path;
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
    return new StateDirectory(path, lockFile);
  }

  /** Of the manager's user. */
  get managerPath(): string {
    return join(this.path, MANAGER_FOLDER);
  }

  get managerCertificatesPath(): string {
    return join(this.managerPath, CERTIFICATES_FOLDER);
  }

  /** Of the agent. */
  get certificatesPath(): string {
    return join(this.path, CERTIFICATES_FOLDER);
  }

  get hasManagerLog(): boolean {
    return existsSync(join(this.managerPath, LOG_FOLDER));
  }

  dropManager(): void {
    rmSync(this.managerPath, { recursive: true, force: true });
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

/** 25 characters of base 36 from 17 random bytes, as SwarmKit's ids. */
export function randomId(): string {
  const value = BigInt(`0x${randomBytes(17).toString("hex")}`).toString(36);
  return value.padStart(25, "0").slice(-25);
}
