/**
 * A whole Linux kernel as a process (Debian's user-mode-linux): boots in some two seconds, runs one command on the host's own files, and
 * goes. It has IPVS and ESP, which many kernels lack.
 */
import { spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from "node:fs";

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

/** Boots, runs the command, and waits for the machine's end. @throws an error for a project whose path cannot be told to a kernel */
export async function runMachine(options: MachineOptions): Promise<MachineResult> {
  const { share, project, memoryMb, timeoutMs } = options;
  if (/[\s,]/.test(share + project)) {
    throw new Error(
      `"${project}" cannot be named on a kernel's command line: it holds a blank or a comma; move the project`,
    );
  }
  const consolePath = `${share}/console.log`;
  mkdirSync(`${share}/uml`, { recursive: true });
  writeFileSync(`${share}/run`, options.command);
  const output = openSync(consolePath, "w");
  // Its standard input ends with this process, however that ends; then boot.sh ends the machine.
  const machine = spawn(
    "bash",
    [
      `${project}/scripts/bed/boot.sh`,
      String(Math.ceil(timeoutMs / 1000)),
      `mem=${memoryMb}M`,
      "rootfstype=hostfs",
      "rootflags=/",
      "ro",
      `init=${project}/scripts/bed/init.sh`,
      "con0=fd:0,fd:1",
      "con=null",
      "ssl=null",
      "quiet",
      `uml_dir=${share}/uml`,
      `BED_SHARE=${share}`,
      `BED_PROJECT=${project}`,
    ],
    { detached: true, stdio: ["pipe", output, output] },
  );
  closeSync(output);
  await new Promise<void>((ended, failed) => {
    machine.on("error", failed);
    machine.on("close", () => ended());
  });
  return { status: readStatus(share), console: readFileSync(consolePath, "utf8") };
}

function readStatus(share: string): number | undefined {
  try {
    return Number(readFileSync(`${share}/status`, "utf8"));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}
