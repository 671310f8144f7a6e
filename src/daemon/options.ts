/** What `tswarmd` is told on its command line, checked. */
import { readFileSync } from "node:fs";
import { isIP } from "node:net";
import { hostname } from "node:os";
import { resolve } from "node:path";
import { Command, InvalidArgumentError, Option } from "commander";
import type { LoadBalancerChoice, PacketFilterChoice } from "../agent/network/data-plane-protocol.js";

export interface DaemonOptions {
  readonly stateDir: string;
  readonly controlSocket: string;
  readonly hostname: string;
  /** Where managers listen for nodes, "ADDRESS:PORT". */
  readonly remoteAddress: string;
  /** A manager to join, "HOST:PORT"; absent: this node is the manager. */
  readonly joinAddress?: string;
  /** The address that VXLAN packets to this node go to; absent: chosen. */
  readonly dataPathAddress?: string;
  readonly dataPathPort: number;
  readonly loadBalancer: LoadBalancerChoice;
  readonly packetFilter: PacketFilterChoice;
  readonly heartbeatPeriodMs: number;
}

export type DaemonCommand =
  | { readonly kind: "run"; readonly options: DaemonOptions }
  | { readonly kind: "leave"; readonly stateDir: string };

const DEFAULT_STATE_DIR = "/var/lib/swarmd";
const DEFAULT_SOCKET = "/var/run/swarmd.sock";
const VXLAN_PORT = 4789;

/** Reads the command line. Exits with one clear line for words that do not fit, and for --help and --version. */
export function readCommandLine(argv: readonly string[]): DaemonCommand {
  let command: DaemonCommand | undefined;
  const program = new Command("tswarmd")
    .description(
      "The daemon of a tswarm node: runs tasks, keeps the kernel's networks as the cluster wants them and, without --join-addr, manages the cluster.",
    )
    .version(version(), "--version")
    .option("-d, --state-dir <dir>", "where the node keeps what must outlive it", DEFAULT_STATE_DIR)
    .option("--listen-control-api <socket>", "unix socket of the API for tsctl", DEFAULT_SOCKET)
    .option("--hostname <name>", "the node's name in the cluster", hostname())
    .option("--listen-remote-api <address:port>", "where a manager listens for nodes", listenAddress, "0.0.0.0:4242")
    .option("--join-addr <host:port>", "join the cluster of this manager", remoteAddress)
    .option(
      "--data-path-addr <address>",
      "the address of this node that carries the overlays (default: the only one, or the one that leads to the manager)",
      ipv4,
    )
    .option("--data-path-port <port>", "UDP port of the overlays, 1024-49151", dataPathPort, VXLAN_PORT)
    .addOption(
      new Option("--load-balancer <driver>", "how services are balanced")
        .choices(["auto", "ipvs", "nftables"])
        .default("auto"),
    )
    .addOption(
      new Option("--packet-filter <back-end>", "how packet-filter rules are written")
        .choices(["auto", "nftables", "iptables-nft", "iptables-legacy"])
        .default("auto"),
    )
    .option("--heartbeat-period <seconds>", "how often nodes tell a manager that they live", heartbeat, 5)
    .action((flags: Record<string, string | number | undefined>) => {
      command = { kind: "run", options: readRunFlags(flags) };
    });
  program
    .command("leave")
    .description("end this node's tasks and remove all that the daemon made in the kernel; the daemon must not run")
    .option("-d, --state-dir <dir>", "the node's state folder", DEFAULT_STATE_DIR)
    .action((_flags: unknown, self: Command) => {
      // The flag may stand before the command too.
      const own = self.getOptionValueSource("stateDir") === "cli" ? self : program;
      command = { kind: "leave", stateDir: resolve(String(own.opts().stateDir)) };
    });
  program.enablePositionalOptions();
  program.parse([...argv], { from: "user" });
  if (!command) throw new Error("no command was read");
  return command;
}

function readRunFlags(flags: Record<string, string | number | undefined>): DaemonOptions {
  return {
    stateDir: resolve(String(flags.stateDir)),
    controlSocket: resolve(String(flags.listenControlApi)),
    hostname: String(flags.hostname),
    remoteAddress: String(flags.listenRemoteApi),
    ...(flags.joinAddr === undefined ? {} : { joinAddress: String(flags.joinAddr) }),
    ...(flags.dataPathAddr === undefined ? {} : { dataPathAddress: String(flags.dataPathAddr) }),
    dataPathPort: Number(flags.dataPathPort),
    loadBalancer: flags.loadBalancer as LoadBalancerChoice,
    packetFilter: flags.packetFilter as PacketFilterChoice,
    heartbeatPeriodMs: Number(flags.heartbeatPeriod) * 1000,
  };
}

/** The version of the package that this file belongs to. */
export function version(): string {
  const file = new URL("../../../package.json", import.meta.url);
  return (JSON.parse(readFileSync(file, "utf8")) as { version: string }).version;
}

function remoteAddress(text: string): string {
  const [, host, port] = /^([^:]+)(?::(\d+))?$/.exec(text) ?? [];
  if (!host || (port !== undefined && !isPort(Number(port))))
    throw new InvalidArgumentError("HOST or HOST:PORT is due.");
  return `${host}:${port ?? 4242}`;
}

function listenAddress(text: string): string {
  const [, address, port] = /^(\d+\.\d+\.\d+\.\d+)?:?(\d+)?$/.exec(text) ?? [];
  if ((address && isIP(address) !== 4) || (port !== undefined && !isPort(Number(port))) || (!address && !port)) {
    throw new InvalidArgumentError("ADDRESS:PORT is due, with an IPv4 address of this host.");
  }
  return `${address ?? "0.0.0.0"}:${port ?? 4242}`;
}

function ipv4(text: string): string {
  if (isIP(text) !== 4) throw new InvalidArgumentError("An IPv4 address of this host is due.");
  return text;
}

function dataPathPort(text: string): number {
  const port = Number(text);
  if (!Number.isInteger(port) || port < 1024 || port > 49151)
    throw new InvalidArgumentError("A port from 1024 to 49151 is due.");
  return port;
}

function heartbeat(text: string): number {
  const seconds = Number(text);
  if (!(seconds >= 0.1 && seconds <= 3600)) throw new InvalidArgumentError("Seconds from 0.1 to 3600 are due.");
  return seconds;
}

function isPort(port: number): boolean {
  return Number.isInteger(port) && port > 0 && port < 65536;
}
