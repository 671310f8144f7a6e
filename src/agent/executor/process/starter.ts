/**
 * A small shell that forks for the agent. Node forks its whole self for each child, which takes milliseconds of its only
 * thread and grows with its memory; a shell of a megabyte does it in a fraction of one. It ends with the agent; what it started runs on.
 *
 * It makes mounts in tasks, and where the agent is in a sandbox, it asks systemd for what is to be outside of that.
 *
 * Requests are lines of words with tabs between, each answered by a line with an exit status, in order.
 */
import { type ChildProcess, spawn } from "node:child_process";
import type { Socket } from "node:net";
import { createInterface } from "node:readline";
import { TaskError } from "../executor.js";
import { unitOptions } from "./task-unit.js";

/** As systemctl(1) says of a unit that is not loaded. */
const NO_SUCH_UNIT = 5;
/** Programs of the set-up are looked up here and nowhere else. */
export const SETUP_PATH = "/usr/sbin:/usr/bin:/sbin:/bin";

const SCRIPT = `
umask 077
tab=$(printf '\\t')
while IFS=$tab read -r verb a b c d; do
  case $verb in
    unit) systemd-run ${unitOptions().join(" ")} --unit="$a" --description="$b" -- /bin/sh "$c" </dev/null >&2 ;;
    once) systemd-run --quiet --collect --property=Type=oneshot --property=StandardOutput="file:$b" -- /bin/sh "$a" \\
      </dev/null >&2 ;;
    kill) systemctl --quiet kill --kill-whom=all --signal=SIGKILL -- "$a" </dev/null >/dev/null 2>&1 ;;
    stop) systemctl --quiet stop -- "$a" </dev/null >/dev/null 2>&1 ;;
    bind) nsenter --mount="$a" --wd="$b" -- mount --no-canonicalize --bind "$c" "$d" </dev/null ;;
  esac
  echo "$?"
done
`;

interface Pending {
  readonly resolve: (status: number) => void;
  readonly reject: (error: Error) => void;
}

export class Starter {
  readonly #log: (line: string) => void;
  #shell: ChildProcess | undefined;
  #pending: Pending[] = [];

  constructor(log: (line: string) => void) {
    this.#log = log;
  }

  /**
   * Mounts a file over another one in a task's mount namespace.
   * @param folder where the file is, as a descriptor from within that namespace. @throws TaskError
   */
  async bindFile(mountNamespace: string, folder: string, name: string, target: string): Promise<void> {
    const status = await this.#ask("bind", mountNamespace, folder, name, target);
    if (status !== 0)
      throw new TaskError(`cannot mount ${name} over ${target}: mount ended with status ${status}`, false);
  }

  /**
   * Has systemd run a script as a task's unit, see task-unit.ts. What an attempt that was interrupted left under the name is ended first.
   * @returns once the script has ended. @throws TaskError
   */
  async startUnit(unit: string, label: string, script: string): Promise<void> {
    const start = () => this.#ask("unit", unit, label, script);
    let status = await start();
    if (status !== 0) {
      await this.stopUnit(unit);
      status = await start();
    }
    if (status !== 0)
      throw new TaskError(`systemd does not start ${unit}: systemd-run ended with status ${status}`, false);
  }

  /** SIGKILL for all processes of a unit that is there. */
  async killUnit(unit: string): Promise<void> {
    await this.#ask("kill", unit);
  }

  /** Ends a unit; none by that name is as good. @throws TaskError */
  async stopUnit(unit: string): Promise<void> {
    const status = await this.#ask("stop", unit);
    if (status !== 0 && status !== NO_SUCH_UNIT)
      throw new TaskError(`systemd does not stop ${unit}: systemctl ended with status ${status}`, false);
  }

  /** Has systemd run a script to its end, its standard output in a file. @throws TaskError */
  async runOutside(script: string, output: string): Promise<void> {
    const status = await this.#ask("once", script, output);
    if (status !== 0)
      throw new TaskError(`${script} could not be run by systemd: systemd-run ended with status ${status}`, false);
  }

  stop(): void {
    this.#shell?.stdin?.end();
    this.#shell = undefined;
  }

  async #ask(...words: readonly string[]): Promise<number> {
    const odd = words.find((word) => /[\t\n]/.test(word));
    if (odd !== undefined)
      throw new TaskError(`tabs and line breaks cannot be in a path: ${JSON.stringify(odd)}`, true);
    const shell = this.#shell ?? this.#spawn();
    answersOf(shell).ref();
    return await new Promise((resolve, reject) => {
      this.#pending.push({ resolve, reject });
      shell.stdin!.write(`${words.join("\t")}\n`);
    });
  }

  #spawn(): ChildProcess {
    const shell = spawn("/bin/sh", ["-c", SCRIPT, "tswarm-starter"], {
      env: { PATH: SETUP_PATH },
      cwd: "/",
      detached: true,
      stdio: ["pipe", "pipe", "pipe"],
    });
    const pending: Pending[] = [];
    this.#shell = shell;
    this.#pending = pending;
    let over = false;
    const end = (reason: string) => {
      if (over) return;
      over = true;
      if (this.#shell === shell) this.#shell = undefined;
      for (const { reject } of pending.splice(0)) reject(new TaskError(`the shell that starts tasks ${reason}`, false));
    };
    createInterface({ input: shell.stdout! }).on("line", (line) => {
      pending.shift()?.resolve(Number(line));
      if (pending.length === 0) answersOf(shell).unref();
    });
    createInterface({ input: shell.stderr! }).on("line", (line) => this.#log(line));
    shell.stdin!.on("error", (error) => end(`does not listen: ${error.message}`));
    shell.on("error", (error) => end(`cannot be run: ${error.message}`));
    shell.on("exit", (code, signal) => end(`ended with ${signal ?? `status ${code}`}`));
    // Only an answer that is due keeps the agent from ending.
    shell.unref();
    for (const stream of shell.stdio) (stream as Socket | null)?.unref();
    return shell;
  }
}

/** The pipes of a child process are sockets to Node. */
function answersOf(shell: ChildProcess): Socket {
  return shell.stdout as Socket;
}
