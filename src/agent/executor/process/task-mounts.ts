/** Mounts that a service asks for: parts of the host's files elsewhere, and file systems in memory. Pure but for the look at the host. */
import { stat } from "node:fs/promises";
import {
  type Mount,
  Mount_BindOptions_Propagation as Propagation,
  Mount_Type as Type,
} from "../../../api/generated/docker/swarmkit/v1/types.js";
import { whyNoTarget } from "../../../api/process-rules.js";

export interface TaskMount {
  readonly type: "bind" | "tmpfs";
  /** Of a bind mount. */
  readonly source: string;
  readonly target: string;
  /** As in fstab(5). */
  readonly options: string;
}

const PRIVATE: readonly Propagation[] = [
  Propagation.RPRIVATE,
  Propagation.PRIVATE,
  Propagation.RSLAVE,
  Propagation.SLAVE,
];
/** Those a task has of its own, after whatever was mounted before. */
const OWN = ["/proc", "/sys", "/dev/shm", "/dev/mqueue"];
const STICKY_FOR_ALL = 0o1777;

/** @param fail called with a reason when there can never be such a mount */
export function readTaskMounts(mounts: readonly Mount[], fail: (reason: string) => never): readonly TaskMount[] {
  return mounts.map((mount) => {
    const { type, source, target } = mount;
    const why = target.startsWith("/") ? whyNoTarget(target) : "is not an absolute path";
    if (why !== undefined) fail(`the mount target ${JSON.stringify(target)} ${why}`);
    if (type === Type.TMPFS) return { type: "tmpfs", source: "", target, options: tmpfsOptions(mount) };
    if (type !== Type.BIND) return fail(`mount ${target}: only bind and tmpfs mounts can be made for a process`);
    if (!source.startsWith("/")) fail(`mount ${target}: the source ${JSON.stringify(source)} is not an absolute path`);
    const own = OWN.find((path) => target === path || target.startsWith(`${path}/`));
    if (own) fail(`mount ${target}: a task has ${own} of its own`);
    if (!PRIVATE.includes(mount.bindOptions?.propagation ?? Propagation.RPRIVATE)) {
      fail(`mount ${target}: what a process mounts cannot be shared with the host`);
    }
    return { type: "bind", source, target, options: bindOptions(mount) };
  });
}

/** What is mounted below the source comes along, unless the mount is read-only: there it could not be made so. */
function bindOptions({ readonly, bindOptions: options }: Mount): string {
  if (readonly) return "bind,ro";
  return options?.nonrecursive ? "bind" : "rbind";
}

function tmpfsOptions({ readonly, tmpfsOptions: options }: Mount): string {
  return [
    readonly ? "ro" : "rw",
    "nosuid,nodev,noexec",
    `mode=${(options?.mode || STICKY_FOR_ALL).toString(8)}`,
    ...(options && options.sizeBytes > 0 ? [`size=${options.sizeBytes}`] : []),
  ].join(",");
}

/** Where a path of the task is on the host, as far as mounts of the host's files decide. */
export function pathOnHost(mounts: readonly TaskMount[], path: string): string {
  let found: TaskMount | undefined;
  for (const mount of mounts) {
    if (mount.type !== "bind" || !`${path}/`.startsWith(`${mount.target}/`)) continue;
    if (!found || mount.target.length > found.target.length) found = mount;
  }
  return found ? found.source + path.slice(found.target.length) : path;
}

/** A mount makes nothing on the host: both ends must be there. @param fail called with a reason when one is not */
export async function checkTaskMounts(mounts: readonly TaskMount[], fail: (reason: string) => never): Promise<void> {
  for (const { type, source, target } of mounts) {
    for (const [path, what] of [
      ...(type === "bind" ? [[source, "source"] as const] : []),
      [target, "target"] as const,
    ]) {
      await stat(path).catch((error: NodeJS.ErrnoException) => {
        if (error.code === "ENOENT") fail(`mount ${target}: this host has no ${path} (its ${what})`);
        fail(`mount ${target}: ${path}: ${error.code}`);
      });
    }
  }
}
