/**
 * The host's mounts, for a daemon whose unit has a mount namespace of its own. Names of network namespaces are mounts: made in there
 * nobody else would see them, and they would be gone with the daemon, with all networks and sandboxes.
 *
 * Systemd starts a process that has the host's mounts and no capabilities at all, into which the daemon may therefore look without the
 * right to look into any process (ptrace(2), "access mode checking"). It ends at once again.
 */
import { execFileSync } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";
import { moveToMountNamespace } from "../../../native-bindings/thread-mounts.js";
import { mountState } from "../../../netns/mount-point.js";
import { NAMESPACE_FOLDER } from "../../../netns/namespace.js";

const SETUP_PATH = "/usr/sbin:/usr/bin:/sbin:/bin";
/** It is ended before; a daemon that dies in between leaves it for so long. */
const LIFE_SECONDS = 60;
const PATIENCE_MS = 30_000;

/**
 * Has the calling thread, and whatever programs it starts, see the host's mounts from now on.
 * @throws Error that says what systemd answered
 */
export function seeHostMounts(): void {
  const unit = `tswarm-host-mounts-${process.pid}.service`;
  const properties = ["Type=exec", "CapabilityBoundingSet=", "NoNewPrivileges=yes"].map((one) => `--property=${one}`);
  run("systemd-run", "--quiet", "--collect", `--unit=${unit}`, ...properties, "--", "sleep", String(LIFE_SECONDS));
  try {
    const pid = Number(run("systemctl", "show", "--property=MainPID", "--value", "--", unit));
    const fd = openSync(`/proc/${pid}/ns/mnt`, "r");
    try {
      moveToMountNamespace(fd);
      checkPropagation(readFileSync("/proc/thread-self/mountinfo", "utf8"));
    } finally {
      closeSync(fd);
    }
  } finally {
    run("systemctl", "--quiet", "stop", "--", unit);
  }
}

/**
 * The daemon's other threads see names that are made outside only when they come by propagation. Systemd sees to that, but not in a container.
 * @param mountInfo of the host @throws Error that says what to do
 */
export function checkPropagation(mountInfo: string): void {
  const place = [NAMESPACE_FOLDER, "/run", "/"].find((folder) => mountState(mountInfo, folder) !== "none");
  if (place !== undefined && mountState(mountInfo, place) === "private") {
    throw new Error(
      `mounts below ${place} reach no other mount namespace: "mount --make-rshared ${place}" before tswarmd`,
    );
  }
}

function run(program: string, ...args: readonly string[]): string {
  return execFileSync(program, args, {
    encoding: "utf8",
    env: { PATH: SETUP_PATH },
    stdio: ["ignore", "pipe", "pipe"],
    timeout: PATIENCE_MS,
  });
}
