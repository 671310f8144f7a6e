/** What everybody on a host can see of the processes that a test starts, and those that these start: arguments and environments. */
import { readdirSync } from "node:fs";
import { contentsOf } from "./secrets-search.js";

const PERIOD_MS = 50;

export class ProcessWatch {
  /** What was seen, each once, by what it is of: "cmdline node …". */
  readonly seen = new Map<string, Buffer>();
  readonly #timer = setInterval(() => this.look(), PERIOD_MS);

  /** Programs that were seen. */
  get programs(): ReadonlySet<string> {
    return new Set(
      [...this.seen]
        .filter(([what]) => what.startsWith("cmdline"))
        .flatMap(([, text]) => text.toString().split("\0"))
        .filter((word) => /\.(js|mjs)$/.test(word)),
    );
  }

  look(): void {
    for (const pid of descendants()) {
      for (const file of ["cmdline", "environ"] as const) {
        const text = contentsOf(`/proc/${pid}/${file}`);
        if (text.length > 0) this.seen.set(`${file} ${text.toString("latin1")}`, text);
      }
    }
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}

/** Of this process; tasks are nobody's children, and are known by their control group. */
function descendants(): readonly number[] {
  const pids = readdirSync("/proc")
    .filter((entry) => /^\d+$/.test(entry))
    .map(Number);
  const parents = new Map(pids.map((pid) => [pid, parentOf(pid)]));
  const isOurs = (pid: number): boolean => {
    for (let at: number | undefined = parents.get(pid); at !== undefined && at > 1; at = parents.get(at)) {
      if (at === process.pid) return true;
    }
    return false;
  };
  return pids.filter(isOurs);
}

function parentOf(pid: number): number | undefined {
  const stat = contentsOf(`/proc/${pid}/stat`).toString();
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return fields[1] === undefined ? undefined : Number(fields[1]);
}
