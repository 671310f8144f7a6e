/** What tests, hosts and agents can leave on a machine, as one line each. */
import { existsSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { tmpdir } from "node:os";

/** Sorted lines such as "network namespace tsw-x". */
export function tracesOnMachine(): string[] {
  return [
    ...names("/run/netns", /^tsw/).map((name) => `network namespace ${name}`),
    ...names("/sys/class/net", /./).map((name) => `link ${name} in the machine's own namespace`),
    ...names(tmpdir(), /^(tswarm|tsw)-/).map((name) => `folder ${tmpdir()}/${name}`),
    ...cgroups().map((path) => `cgroup ${path}`),
    ...mounts().map((path) => `mount ${path}`),
  ].sort();
}

/**
 * Processes that bear the mark of a run, or live in a network namespace other than ours, which no process of a fresh machine does.
 * The process itself and those that it descends from are not among them.
 */
export function processesOf(mark: string): string[] {
  const own = ancestors(process.pid);
  const home = readlinkSync("/proc/self/ns/net");
  const found: string[] = [];
  for (const pid of names("/proc", /^\d+$/).map(Number)) {
    if (own.has(pid)) continue;
    try {
      const command = readFileSync(`/proc/${pid}/cmdline`, "latin1").replaceAll("\0", " ").trim();
      // Kernel threads and zombies have no command line.
      if (command === "") continue;
      const marked = readFileSync(`/proc/${pid}/environ`, "latin1").split("\0").includes(`TSWARM_TEST_RUN=${mark}`);
      if (marked) found.push(`process ${pid}: ${command.slice(0, 200)}`);
      else if (readlinkSync(`/proc/${pid}/ns/net`) !== home) {
        found.push(`process ${pid} in another network namespace: ${command.slice(0, 200)}`);
      }
    } catch (error) {
      if (!hasEnded(error)) throw error;
    }
  }
  return found.sort();
}

function ancestors(pid: number): Set<number> {
  const found = new Set<number>();
  for (let at = pid; at > 0 && !found.has(at); ) {
    found.add(at);
    // The name in parentheses may hold spaces and parentheses: the parent's id is the second field behind the last one.
    const stat = readFileSync(`/proc/${at}/stat`, "latin1");
    at = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
  }
  return found;
}

function cgroups(): string[] {
  const root = "/sys/fs/cgroup";
  return ["", ...names(root, /./)]
    .flatMap((controller) => names(`${root}/${controller}`, /^tsw/).map((name) => `${root}/${controller}/${name}`))
    .map((path) => path.replaceAll("//", "/"));
}

function mounts(): string[] {
  return readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .map((line) => line.split(" ")[4] ?? "")
    .filter((path) => /\/tsw[^/]*/.test(path));
}

function names(folder: string, pattern: RegExp): string[] {
  if (!existsSync(folder)) return [];
  try {
    return readdirSync(folder).filter((name) => pattern.test(name));
  } catch (error) {
    if (hasEnded(error) || (error as NodeJS.ErrnoException).code === "ENOTDIR") return [];
    throw error;
  }
}

/** What /proc says of a process that ended meanwhile. */
function hasEnded(error: unknown): boolean {
  return ["ENOENT", "ESRCH", "EACCES"].includes((error as NodeJS.ErrnoException).code ?? "");
}
