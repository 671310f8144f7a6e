/** What a task's processes may do beyond what any user may, and how much of it. Pure. */
import type { ContainerSpec_Ulimit } from "../../../api/generated/docker/swarmkit/v1/specs.js";
import { capabilityName, ULIMITS } from "../../../api/process-rules.js";

/** What Docker leaves to a container's root. */
const DEFAULT_CAPABILITIES = [
  "chown",
  "dac_override",
  "fsetid",
  "fowner",
  "mknod",
  "net_raw",
  "setgid",
  "setuid",
  "setfcap",
  "setpcap",
  "net_bind_service",
  "sys_chroot",
  "kill",
  "audit_write",
];

/**
 * The bounding set as setpriv(1) takes it. As in Docker, what is added stays though it be dropped, unless ALL are added.
 * @param fail called with a reason for a name that is none
 */
export function boundingSet(add: readonly string[], drop: readonly string[], fail: (reason: string) => never): string {
  const names = (list: readonly string[]) =>
    list.map((text) => capabilityName(text) ?? fail(`no such capability: ${JSON.stringify(text)}`));
  const [added, dropped] = [names(add), names(drop)];
  const plain = (list: readonly string[]) =>
    list.filter((name) => name !== "ALL").map((name) => name.replace("CAP_", "").toLowerCase());
  const [plus, minus] = [plain(added), plain(dropped)];
  if (added.includes("ALL")) return ["+all", ...minus.map((name) => `-${name}`)].join(",");
  const kept = dropped.includes("ALL") ? [] : DEFAULT_CAPABILITIES.filter((name) => !minus.includes(name));
  return ["-all", ...[...new Set([...kept, ...plus])].map((name) => `+${name}`)].join(",");
}

/** @returns options of prlimit(1). @param fail called with a reason for a limit that cannot be */
export function limitOptions(
  limits: readonly ContainerSpec_Ulimit[],
  fail: (reason: string) => never,
): readonly string[] {
  return limits.map(({ name, soft, hard }) => {
    if (!ULIMITS.includes(name)) fail(`no such ulimit: ${JSON.stringify(name)}`);
    const text = (value: number) => (value === -1 ? "unlimited" : String(value));
    if (soft < -1 || hard < -1 || (hard !== -1 && (soft === -1 || soft > hard))) {
      fail(`ulimit ${name}: ${soft}:${hard} is not a soft limit up to a hard one`);
    }
    return `--${name}=${text(soft)}:${text(hard)}`;
  });
}
