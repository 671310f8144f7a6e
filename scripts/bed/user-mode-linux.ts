/**
 * A whole Linux kernel as a process (Debian's user-mode-linux): boots in some two seconds, runs one command on the host's own files, and
 * goes. It has IPVS and ESP, which many kernels lack.
 */
import { spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

export interface MachineOptions {
  /** A shell script, run by bash in the project's folder. */
  readonly command: string;
  /** The only folder that the machine can write: /run/share inside. */
  readonly share: string;
  readonly project: string;
  readonly memoryMb: number;
  /** After this the machine is killed, whatever it does. */
  readonly timeoutMs: number;
}

export interface MachineResult {
  /** Of the command; undefined when the machine ended before it did. */
  readonly status: number | undefined;
  /** What the kernel, the start-up and the command said. */
  readonly console: string;
}

const KERNEL = "linux.uml";

/** @throws an error of spawn when there is no {@link KERNEL} */
export async function runMachine(options: MachineOptions): Promise<MachineResult> {
  const { share, project, memoryMb, timeoutMs } = options;
  const consolePath = `${share}/console.log`;
  mkdirSync(`${share}/uml`, { recursive: true });
  writeFileSync(`${share}/run`, options.command);
  const output = openSync(consolePath, "w");
  // The kernel ignores SIGTERM, and its stub processes outlive it: only SIGKILL to a process group of its own ends all of it. timeout(1)
  // does that too, should this process be killed itself.
  const machine = spawn(
    "timeout",
    [
      "--signal=KILL",
      String(Math.ceil(timeoutMs / 1000)),
      KERNEL,
      `mem=${memoryMb}M`,
      "rootfstype=hostfs",
      "rootflags=/",
      "ro",
      `init=${fileURLToPath(new URL("scripts/bed/init.sh", `file://${project}/`))}`,
      "con0=fd:0,fd:1",
      "con=null",
      "ssl=null",
      "quiet",
      `uml_dir=${share}/uml`,
      `BED_SHARE=${share}`,
      `BED_PROJECT=${project}`,
    ],
    { detached: true, stdio: ["ignore", output, output] },
  );
  closeSync(output);
  const killAll = (): void => killGroup(machine.pid);
  process.on("exit", killAll);
  try {
    await new Promise<void>((ended, failed) => {
      machine.on("error", failed);
      machine.on("close", () => ended());
    });
  } finally {
    killAll();
    process.off("exit", killAll);
  }
  return { status: readStatus(share), console: readFileSync(consolePath, "utf8") };
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, "SIGKILL");
  } catch (error) {
    // Nobody of the group is left.
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

function readStatus(share: string): number | undefined {
  try {
    return Number(readFileSync(`${share}/status`, "utf8"));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}
