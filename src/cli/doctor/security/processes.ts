/** Which process listens at a socket, and what the kernel says of it: proc(5). */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";

export interface LocalProcess {
  readonly pid: number;
  /** Effective. */
  readonly uid: number;
  /** Permitted, effective, inheritable and ambient capabilities together. */
  readonly capabilities: bigint;
  readonly noNewPrivileges: boolean;
  /** ADDRESS:PORT of TCP sockets that it listens at, in this network namespace. */
  readonly listeners: readonly string[];
}

const LISTENING_UNIX = 0x10000;
const LISTENING_TCP = "0A";

/** @param procDir "/proc" */
export function processAt(socketPath: string, procDir = "/proc"): LocalProcess | undefined {
  const inode = unixInode(readText(join(procDir, "net", "unix")), socketPath);
  if (inode === undefined) return undefined;
  for (const name of readdirSync(procDir)) {
    if (!/^\d+$/.test(name)) continue;
    const inodes = socketsOf(join(procDir, name, "fd"));
    if (!inodes.has(inode)) continue;
    const tables = ["tcp", "tcp6"].map((table) => readText(join(procDir, "net", table)));
    const listeners = tables.flatMap(tcpListeners).filter((one) => inodes.has(one.inode));
    return {
      pid: Number(name),
      ...readStatus(readText(join(procDir, name, "status"))),
      listeners: [...new Set(listeners.map(({ address }) => address))].sort(),
    };
  }
  return undefined;
}

/** Of the socket that listens at the path, from the text of /proc/net/unix. */
export function unixInode(table: string, path: string): string | undefined {
  for (const line of table.split("\n")) {
    const [, , , flags = "", , , inode, ...rest] = line.trim().split(/\s+/);
    if (rest.join(" ") === path && (Number.parseInt(flags, 16) & LISTENING_UNIX) !== 0) return inode;
  }
  return undefined;
}

/** From the text of /proc/net/tcp or tcp6. */
export function tcpListeners(table: string): { readonly address: string; readonly inode: string }[] {
  return table.split("\n").flatMap((line) => {
    const [, local = "", , state, , , , , , inode = ""] = line.trim().split(/\s+/);
    const [host = "", port = ""] = local.split(":");
    if (state !== LISTENING_TCP) return [];
    return [{ address: `${host.length === 8 ? ipv4(host) : ipv6(host)}:${Number.parseInt(port, 16)}`, inode }];
  });
}

/** From the text of /proc/PID/status. */
export function readStatus(text: string): Pick<LocalProcess, "uid" | "capabilities" | "noNewPrivileges"> {
  const field = (name: string) => new RegExp(`^${name}:\\s*(.*)$`, "m").exec(text)?.[1] ?? "";
  const sets = ["CapPrm", "CapEff", "CapInh", "CapAmb"].map((name) => BigInt(`0x${field(name) || "0"}`));
  return {
    uid: Number(field("Uid").split(/\s+/)[1]),
    capabilities: sets.reduce((all, one) => all | one, 0n),
    noNewPrivileges: field("NoNewPrivs") === "1",
  };
}

/** Words of 32 bits, each in the order of a little-endian machine. */
function ipv4(hex: string): string {
  return bytesOf(hex).join(".");
}

function ipv6(hex: string): string {
  if (/^0+$/.test(hex)) return "[::]";
  const bytes = bytesOf(hex);
  const groups = Array.from({ length: 8 }, (_, at) => ((bytes[2 * at]! << 8) | bytes[2 * at + 1]!).toString(16));
  return `[${groups.join(":")}]`;
}

function bytesOf(hex: string): number[] {
  return (hex.match(/.{8}/g) ?? []).flatMap((word) => [...Buffer.from(word, "hex")].reverse());
}

function socketsOf(folder: string): Set<string> {
  const inodes = new Set<string>();
  for (const name of namesIn(folder)) {
    const inode = /^socket:\[(\d+)\]$/.exec(linkAt(join(folder, name)))?.[1];
    if (inode !== undefined) inodes.add(inode);
  }
  return inodes;
}

/** Processes end, and those of others are not shown to everybody: both read as nothing. */
function namesIn(folder: string): string[] {
  return orNothing(() => readdirSync(folder), []);
}

function linkAt(path: string): string {
  return orNothing(() => readlinkSync(path), "");
}

function readText(path: string): string {
  return orNothing(() => readFileSync(path, "utf8"), "");
}

function orNothing<T>(read: () => T, nothing: T): T {
  try {
    return read();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === undefined) throw error;
    return nothing;
  }
}
