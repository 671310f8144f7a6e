/** Which ports programs of a sandbox listen at, read from the kernel's tables of sockets. */
import { readFileSync } from "node:fs";
import { inNamespace, openNamespace } from "../../../netns/index.js";
import type { PublishedPort } from "./local-task.js";

/** TCP_LISTEN and, for UDP, TCP_CLOSE of include/net/tcp_states.h: what `st` says of a socket that takes new flows. */
const TAKES_NEW = { tcp: "0A", udp: "07" } as const;

/** @returns those of `ports` that nobody listens at; SCTP, of which the kernel keeps no such table, counts as listening */
export function silentPorts(namespaceName: string, ports: readonly PublishedPort[]): readonly PublishedPort[] {
  using namespace = openNamespace(namespaceName);
  return inNamespace(namespace, () => {
    const listening = { tcp: listeningPorts("tcp"), udp: listeningPorts("udp") };
    return ports.filter(({ protocol, targetPort }) => protocol !== "sctp" && !listening[protocol].has(targetPort));
  });
}

function listeningPorts(protocol: "tcp" | "udp"): ReadonlySet<number> {
  const ports = new Set<number>();
  for (const file of [protocol, `${protocol}6`]) {
    for (const port of parseSockets(readTable(`/proc/thread-self/net/${file}`), TAKES_NEW[protocol])) ports.add(port);
  }
  return ports;
}

/** A kernel without IPv6 has no tables for it. */
function readTable(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return "";
    throw error;
  }
}

/**
 * Reads /proc/net/tcp and its like: `sl local_address rem_address st …`, with "0100007F:1F90" for 127.0.0.1:8080.
 * Sockets bound to the loopback address do not count: nobody outside reaches them.
 */
export function parseSockets(table: string, state: string): readonly number[] {
  return table
    .split("\n")
    .slice(1)
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => fields[3] === state && !/^(?:0100007F|0{24}01000000):/.test(fields[1] ?? ""))
    .map((fields) => Number.parseInt(fields[1]!.slice(fields[1]!.indexOf(":") + 1), 16));
}
