/** A real systemd as process 1 on this machine's own files: what it writes there is thrown away. It has its own network too. */
import { type ChildProcess, execFile, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { PROJECT } from "../sources.js";

const run = promisify(execFile);
const BOOT = fileURLToPath(new URL("../../../test/packaging/boot.sh", import.meta.url));
const BOOT_LIMIT_MS = 60_000;
const COMMAND_LIMIT_MS = 120_000;
/** The one address that a host in it has. */
export const BED_ADDRESS = "10.77.0.1";

export class SystemdBed {
  /** Seen as /bed inside. */
  readonly shared: string;
  readonly #root: string;
  readonly #cgroup: string;
  readonly #unshare: ChildProcess;
  #init = 0;

  private constructor() {
    this.#root = mkdtempSync(join(tmpdir(), "tswarm-bed-"));
    this.shared = mkdtempSync(join(tmpdir(), "tswarm-bed-shared-"));
    // Its own, so that what systemd makes is below it and can be removed.
    this.#cgroup = join(unifiedHierarchy(), `tswarm-bed-${process.pid}`);
    mkdirSync(this.#cgroup);
    const kinds = ["--mount", "--pid", "--net", "--uts", "--ipc", "--cgroup", "--fork", "--kill-child"];
    const script = 'echo 0 >"$1/cgroup.procs" && shift && exec unshare "$@"';
    this.#unshare = spawn(
      "sh",
      [
        ...["-c", script, "sh", this.#cgroup, ...kinds, "--"],
        ...["bash", BOOT, this.#root, this.shared, process.execPath, PROJECT],
      ],
      { stdio: ["ignore", "ignore", "inherit"] },
    );
  }

  static async boot(): Promise<SystemdBed> {
    const bed = new SystemdBed();
    try {
      await bed.#booted();
      return bed;
    } catch (error) {
      await bed.stop();
      throw error;
    }
  }

  /** Runs a shell script as root inside. @returns what it printed @throws Error with its output when it fails */
  async run(script: string): Promise<string> {
    const kinds = ["--mount", "--pid", "--net", "--uts", "--ipc", "--cgroup", "--root", "--wd"];
    const { stdout } = await run(
      "nsenter",
      [`--target=${this.#init}`, ...kinds, "--", "bash", "--norc", "-ec", script],
      {
        timeout: COMMAND_LIMIT_MS,
        maxBuffer: 64 << 20,
        env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", LC_ALL: "C.UTF-8", DEBIAN_FRONTEND: "noninteractive" },
      },
    );
    return stdout;
  }

  /** Tries again until the script succeeds. */
  async until(script: string): Promise<string> {
    const attempts = 'for _ in $(seq 300); do if eval "$1"; then exit 0; fi; sleep 0.1; done >/tmp/answer 2>&1';
    writeFileSync(join(this.shared, "until"), script);
    return await this.run(`set -- "$(cat /bed/until)"; (${attempts}; cat /tmp/answer >&2; exit 1); cat /tmp/answer`);
  }

  async stop(): Promise<void> {
    if (this.#unshare.exitCode === null && this.#unshare.signalCode === null) {
      const exit = once(this.#unshare, "exit");
      this.#unshare.kill("SIGKILL");
      await exit;
    }
    while (this.#init && existsSync(`/proc/${this.#init}`)) await pause();
    removeCgroup(this.#cgroup);
    rmSync(this.#root, { recursive: true, force: true });
    rmSync(this.shared, { recursive: true, force: true });
  }

  async #booted(): Promise<void> {
    const end = Date.now() + BOOT_LIMIT_MS;
    for (;;) {
      if (this.#unshare.exitCode !== null) throw new Error("the bed's systemd ended while it booted");
      this.#init ||= childOf(this.#unshare.pid!);
      // The root is its own once systemd runs.
      if (this.#init && (await this.run("systemctl is-active bed.target").catch(() => "")).trim() === "active") break;
      if (Date.now() > end) throw new Error("the bed's systemd does not come up");
      await pause();
    }
    await this.until('[ -z "$(systemctl list-jobs --no-legend)" ]');
    await this.run(
      `ip link set lo up; ip link add eth0 type veth peer name peer0; ip addr add ${BED_ADDRESS}/24 dev eth0; ip link set eth0 up; ip link set peer0 up`,
    );
  }
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 50));
}

function childOf(pid: number): number {
  try {
    return Number(execFileSync("pgrep", ["-P", String(pid)], { encoding: "utf8" }).split("\n")[0]);
  } catch {
    return 0;
  }
}

/** Where version 2 of cgroups is mounted: alone, or beside version 1. */
function unifiedHierarchy(): string {
  const found = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"].find((path) => existsSync(join(path, "cgroup.procs")));
  if (!found) throw new Error("this machine has no cgroups of version 2 mounted");
  return found;
}

function removeCgroup(path: string): void {
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    if (entry.isDirectory()) removeCgroup(join(path, entry.name));
  }
  rmdirSync(path);
}
