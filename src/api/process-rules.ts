/** Words that the specification of a process may use, the same for those who write it, keep it and run it. */
import { constants } from "node:os";

/** Capabilities of capabilities(7), without CAP_. */
const CAPABILITIES: ReadonlySet<string> = new Set(
  (
    "AUDIT_CONTROL AUDIT_READ AUDIT_WRITE BLOCK_SUSPEND BPF CHECKPOINT_RESTORE CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID " +
    "IPC_LOCK IPC_OWNER KILL LEASE LINUX_IMMUTABLE MAC_ADMIN MAC_OVERRIDE MKNOD NET_ADMIN NET_BIND_SERVICE NET_BROADCAST NET_RAW " +
    "PERFMON SETFCAP SETGID SETPCAP SETUID SYSLOG SYS_ADMIN SYS_BOOT SYS_CHROOT SYS_MODULE SYS_NICE SYS_PACCT SYS_PTRACE " +
    "SYS_RAWIO SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG WAKE_ALARM"
  ).split(" "),
);

/** Resources of setrlimit(2) that Docker's flags name; prlimit(1) has an option of each name. */
export const ULIMITS: readonly string[] =
  "core cpu data fsize locks memlock msgqueue nice nofile nproc rss rtprio rttime sigpending stack".split(" ");

const SIGNALS: Readonly<Record<string, number>> = constants.signals;

/** Whether a process can be stopped by it: SIGTERM, term or 15. Real-time signals have no names here. */
export function isSignal(text: string): boolean {
  if (/^\d+$/.test(text)) return Object.values(SIGNALS).includes(Number(text));
  return Object.hasOwn(SIGNALS, `SIG${text.toUpperCase().replace(/^SIG/, "")}`);
}

/** Names of environment variables that can be passed on to a process. */
export function isVariableName(name: string): boolean {
  return /^[A-Za-z0-9_./:-]+$/.test(name);
}

/** @returns "CAP_NET_ADMIN" for net_admin, "ALL" for all; undefined for what is none */
export function capabilityName(text: string): string | undefined {
  const name = text.toUpperCase().replace(/^CAP_/, "");
  if (name === "ALL") return name;
  return CAPABILITIES.has(name) ? `CAP_${name}` : undefined;
}

/** Below which a relative target of a file is. */
export const SECRETS_FOLDER = "/run/secrets";
export const CONFIGS_FOLDER = "/run/configs";

/** @returns why a file cannot be given to a process under such a name; undefined when it can */
export function whyNoTarget(target: string): string | undefined {
  if (target === "") return "is empty";
  if (target.length > 1024 || /[\0\n]/.test(target)) return "is no path";
  const parts = target.replace(/^\//, "").split("/");
  if (parts.some((part) => part === "" || part === "." || part === "..")) {
    return "is not a plain path: empty parts, . and .. have no place in it";
  }
  return undefined;
}
