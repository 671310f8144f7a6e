/** What `tswarmd` is told on its command line, checked. */
import { readFileSync } from "node:fs";
import { hostname } from "node:os";
import { resolve } from "node:path";
import { Command, Option } from "commander";
import type { LoadBalancerChoice, PacketFilterChoice } from "../agent/network/data-plane-protocol.js";
import { heartbeatSeconds, ipv4, listenAddress, managerAddresses, whole } from "./flag-values.js";
import type { NodeSettings } from "./membership.js";
import type { StartFlags } from "./start-plan.js";

export interface DaemonOptions extends RunFlags {
  readonly controlSocket: string;
  readonly hostname: string;
  /** Where a manager listens for nodes and other managers, "ADDRESS:PORT". */
  readonly remoteAddress: string;
  /** The address that VXLAN packets to this node go to; absent: chosen. */
  readonly dataPathAddress?: string;
  readonly dataPathPort: number;
}

/** As on the command line; what is not there comes from the state folder, or has a default. */
export interface RunFlags {
  readonly stateDir: string;
  readonly start: StartFlags;
  readonly loadBalancer: LoadBalancerChoice;
  readonly packetFilter: PacketFilterChoice;
  readonly heartbeatPeriodMs: number;
  readonly election: ElectionFlags;
}

/** The manager's own defaults count where nothing is said. */
export interface ElectionFlags {
  readonly tickMs?: number;
  readonly electionTicks?: number;
  readonly heartbeatTicks?: number;
}

export type DaemonCommand =
  | { readonly kind: "run"; readonly flags: RunFlags }
  | { readonly kind: "leave"; readonly stateDir: string; readonly force: boolean };

const DEFAULT_STATE_DIR = "/var/lib/swarmd";
const DEFAULT_SOCKET = "/var/run/swarmd.sock";
const DEFAULT_REMOTE = "0.0.0.0:4242";
const VXLAN_PORT = 4789;

type Flags = Readonly<Record<string, unknown>>;

/** Reads the command line. Exits with one clear line for words that do not fit, and for --help and --version. */
export function readCommandLine(argv: readonly string[]): DaemonCommand {
  let command: DaemonCommand | undefined;
  const program = new Command("tswarmd")
    .description(
      "The daemon of a tswarm node: runs tasks, keeps the kernel's networks as the cluster wants them and, on a manager, manages the cluster. What it is told at first it keeps in its state folder: after a restart it needs no flags.",
    )
    .version(version(), "--version")
    .option("-d, --state-dir <dir>", "where the node keeps what must outlive it", DEFAULT_STATE_DIR)
    .option("--listen-control-api <socket>", `unix socket of the API for tsctl (default ${DEFAULT_SOCKET})`)
    .option("--hostname <name>", `the node's name in the cluster (default ${hostname()})`)
    .option(
      "--listen-remote-api <address:port>",
      `where a manager listens for nodes and managers (default ${DEFAULT_REMOTE})`,
      listenAddress,
    )
    .option(
      "--join-addr <host:port,...>",
      "join the cluster of these managers, one is enough; without it a new node begins a cluster",
      managerAddresses,
    )
    .option("--manager", "with --join-addr: join as a manager", false)
    .option(
      "--force-new-cluster",
      "begin the cluster anew from what this manager's log holds, with it as the only manager: when most managers are lost for good",
      false,
    )
    .option(
      "--data-path-addr <address>",
      "the address of this node that carries the overlays (default: the only one, or the one that leads to the manager)",
      ipv4,
    )
    .option(
      "--data-path-port <port>",
      `UDP port of the overlays, 1024-49151 (default ${VXLAN_PORT})`,
      whole(1024, 49151),
    )
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
    .option("--heartbeat-period <seconds>", "how often nodes tell a manager that they live", heartbeatSeconds, 5)
    .option("--raft-tick-ms <ms>", "a tick of the managers' log, the same on all managers", whole(10, 10_000))
    .option("--heartbeat-tick <ticks>", "ticks between two heartbeats of the leading manager", whole(1, 100))
    .option("--election-tick <ticks>", "ticks without a heartbeat before another manager takes over", whole(2, 1000))
    .action((flags: Flags) => {
      command = { kind: "run", flags: readRunFlags(flags) };
    });
  program
    .command("leave")
    .description("end this node's tasks and remove all that the daemon made in the kernel; the daemon must not run")
    .option("-d, --state-dir <dir>", "the node's state folder", DEFAULT_STATE_DIR)
    .option("-f, --force", "also on a manager that the others still count on", false)
    .action((flags: Flags, self: Command) => {
      // The flag may stand before the command too.
      const own = self.getOptionValueSource("stateDir") === "cli" ? self : program;
      command = { kind: "leave", stateDir: resolve(String(own.opts().stateDir)), force: flags.force === true };
    });
  program.enablePositionalOptions();
  program.parse([...argv], { from: "user" });
  if (!command) throw new Error("no command was read");
  return command;
}

function readRunFlags(flags: Flags): RunFlags {
  return {
    stateDir: resolve(String(flags.stateDir)),
    start: {
      joinAddresses: (flags.joinAddr as readonly string[] | undefined) ?? [],
      asManager: flags.manager === true,
      forceNewCluster: flags.forceNewCluster === true,
      settings: withoutAbsent<NodeSettings>({
        hostname: flags.hostname,
        controlSocket: flags.listenControlApi === undefined ? undefined : resolve(String(flags.listenControlApi)),
        remoteAddress: flags.listenRemoteApi,
        dataPathAddress: flags.dataPathAddr,
        dataPathPort: flags.dataPathPort,
      }),
    },
    loadBalancer: flags.loadBalancer as LoadBalancerChoice,
    packetFilter: flags.packetFilter as PacketFilterChoice,
    heartbeatPeriodMs: Number(flags.heartbeatPeriod) * 1000,
    election: withoutAbsent<ElectionFlags>({
      tickMs: flags.raftTickMs,
      electionTicks: flags.electionTick,
      heartbeatTicks: flags.heartbeatTick,
    }),
  };
}

/** Fills in what neither the command line nor the state folder says. */
export function daemonOptions(flags: RunFlags, settings: NodeSettings): DaemonOptions {
  return {
    ...flags,
    ...settings,
    controlSocket: settings.controlSocket ?? DEFAULT_SOCKET,
    hostname: settings.hostname ?? hostname(),
    remoteAddress: settings.remoteAddress ?? DEFAULT_REMOTE,
    dataPathPort: settings.dataPathPort ?? VXLAN_PORT,
  };
}

/** Flags were checked as they were read: what is there has its type. */
function withoutAbsent<T extends object>(values: { readonly [K in keyof T]: unknown }): T {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as T;
}

/** The version of the package that this file belongs to. */
export function version(): string {
  const file = new URL("../../../package.json", import.meta.url);
  return (JSON.parse(readFileSync(file, "utf8")) as { version: string }).version;
}
