/**
 * What the agents really run: a command that writes down when it begins, when it is told to stop, and when it ends, into one file of all
 * hosts. Lines that are appended are in one order for all; times are the kernel's, to 10 ms.
 */
import { appendFileSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import type { LifeEvent } from "./lives.js";

/** Stands in the command line of a task's command, and of nothing else. */
const NAME = "tswarm-life";

/** Process facts: field 22 is when the process began, in ticks since boot; /proc/uptime is in seconds. */
const SCRIPT = `
read -r stat </proc/self/stat
tell() {
  read -r now _ </proc/uptime
  echo "$1 $SERVICE $SLOT $RELEASE $TASK $NODE $(($2)) \${now%.*}\${now#*.}" >>"$LIVES"
}
set -- $stat
began=\${22}
trap 'tell told "$began"; sleep "$LINGER"; tell ended "$began"; exit 0' TERM
tell began "$began"
if [ -n "$FAIL" ]; then tell ended "$began"; exit "$FAIL"; fi
if [ -n "$LENGTH" ]; then sleep "$LENGTH"; tell ended "$began"; exit 0; fi
while :; do sleep 3600 & wait $!; done
`;

export interface LifeOptions {
  /** Of the command: what an update changes. */
  readonly release: string;
  /** How long a task goes on after it was told to stop, seconds. */
  readonly lingerSeconds?: number;
  /** The command ends at once with this status. */
  readonly failWith?: number;
  /** The command ends by itself, and is done. */
  readonly endAfterSeconds?: number;
}

export interface LivingTask {
  readonly pid: number;
  readonly service: string;
  readonly slot: number;
  readonly release: string;
  readonly taskId: string;
  readonly node: string;
}

export class TaskLives {
  readonly #file: string;

  /** @param file that every task can write to */
  constructor(file: string) {
    this.#file = file;
    writeFileSync(file, "");
  }

  command(): readonly string[] {
    return ["/bin/sh", "-c", SCRIPT, NAME];
  }

  env(service: string, { release, lingerSeconds = 0, failWith, endAfterSeconds }: LifeOptions): readonly string[] {
    return [
      ...[`LIVES=${this.#file}`, `SERVICE=${service}`, `RELEASE=${release}`, `LINGER=${lingerSeconds}`],
      ...["SLOT={{.Task.Slot}}", "TASK={{.Task.ID}}", "NODE={{.Node.Hostname}}", `FAIL=${failWith ?? ""}`],
      `LENGTH=${endAfterSeconds ?? ""}`,
    ];
  }

  /** Commands of a service's tasks that run at this moment, by slot. */
  running(service: string): readonly LivingTask[] {
    return this.#all()
      .filter((task) => task.service === service)
      .sort((a, b) => a.slot - b.slot || a.pid - b.pid);
  }

  onNode(node: string): readonly LivingTask[] {
    return this.#all().filter((task) => task.node === node);
  }

  #all(): readonly LivingTask[] {
    return readdirSync("/proc").flatMap((entry) => (/^\d+$/.test(entry) ? this.#read(Number(entry)) : []));
  }

  #read(pid: number): readonly LivingTask[] {
    if (procText(pid, "cmdline").split("\0")[3] !== NAME) return [];
    const env = new Map(
      procText(pid, "environ")
        .split("\0")
        .map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]),
    );
    if (env.get("LIVES") !== this.#file) return [];
    const of = (name: string) => env.get(name) ?? "";
    const [service, release, taskId, node] = [of("SERVICE"), of("RELEASE"), of("TASK"), of("NODE")];
    return [{ pid, service, slot: Number(of("SLOT")), release, taskId, node }];
  }

  /** Tasks that could not write it themselves have ended: their machine is gone. */
  lost(tasks: readonly LivingTask[]): void {
    const text = tasks.map(({ service, slot, release, taskId, node }) =>
      ["ended", service, slot, release, taskId, node, 0, 0].join(" "),
    );
    appendFileSync(this.#file, text.map((line) => `${line}\n`).join(""));
  }

  /** Lives that began, oldest first. */
  begun(service: string): readonly LifeEvent[] {
    return this.of(service).filter(({ kind }) => kind === "began");
  }

  /** All lives of a service, in the order in which it was written down. */
  of(service: string): readonly LifeEvent[] {
    return readFileSync(this.#file, "utf8")
      .split("\n")
      .map((text) => text.split(" "))
      .filter((words) => words[1] === service)
      .map(([kind, , slot, release, taskId, node, beganAt, writtenAt]) => ({
        kind: kind as LifeEvent["kind"],
        slot: slot!,
        release: release!,
        taskId: taskId!,
        node: node!,
        beganAt: Number(beganAt),
        writtenAt: Number(writtenAt),
      }));
  }
}

/** @returns nothing of a process that has ended */
function procText(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "utf8");
  } catch (error) {
    if (["ENOENT", "ESRCH", "EACCES"].includes((error as NodeJS.ErrnoException).code ?? "")) return "";
    throw error;
  }
}
