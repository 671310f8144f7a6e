/** What `tswarmd` is told on its command line, checked. */
import { readFileSync } from "node:fs";
import { hostname } from "node:os";
import { resolve } from "node:path";
import { Command, Option } from "commander";
import type { LoadBalancerChoice, PacketFilterChoice } from "../agent/network/data-plane-protocol.js";
import { DEFAULT_CONTROL_SOCKET } from "../api/local-sockets.js";
import type { AddressWishes } from "./addresses/choose.js";
import { DEFAULT_LISTEN } from "./addresses/choose.js";
import { heartbeatSeconds, hostPort, managerAddresses, whole } from "./flag-values.js";
import { DEFAULT_MANAGER_USER } from "./manager-user.js";
import type { NodeSettings } from "./membership.js";
import type { StartFlags } from "./start-plan.js";

/** As on the command line; what is not there comes from the state folder, or has a default. */
export interface RunFlags {
  readonly stateDir: string;
  readonly start: StartFlags;
  readonly addresses: AddressWishes;
  readonly addressPools: readonly string[];
  /** 0: the default. */
  readonly addressPoolMaskLength: number;
  /** Undefined: the default, where there is such a user. */
  readonly managerUser: string | undefined;
  /** Of systemd; undefined: the daemon starts the manager by itself. */
  readonly managerUnit: string | undefined;
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

export const DEFAULT_DATA_PATH_PORT = 4789;
const DEFAULT_STATE_DIR = "/var/lib/swarmd";

type Flags = Readonly<Record<string, unknown>>;

/** Reads the command line. Exits with one clear line for words that do not fit, and for --help and --version. */
export function readCommandLine(argv: readonly string[]): DaemonCommand {
  let command: DaemonCommand | undefined;
  const program = new Command("tswarmd")
    .description(
      'The daemon of a tswarm node: runs tasks, keeps the kernel\'s networks as the cluster wants them and, on a manager, starts the manager. It waits for "tsctl init" or "tsctl join"; what a node is told at first it keeps in its state folder: after a restart it needs no flags.',
    )
    .version(version(), "--version")
    .option("-d, --state-dir <dir>", "where the node keeps what must outlive it", DEFAULT_STATE_DIR)
    .option(
      "--listen-control-api <socket>",
      `unix socket of the manager's API for tsctl (default ${DEFAULT_CONTROL_SOCKET})`,
    )
    .option("--hostname <name>", `the node's name in the cluster (default ${hostname()})`)
    .option("--init", "begin a cluster with this node as its first manager, unless it is in one", false)
    .option(
      "--join-addr <host:port,...>",
      "join the cluster of these managers, one is enough, unless the node is in one",
      managerAddresses,
    )
    .option("--join-token-file <file>", "with --join-addr: a file with the join token, which says the node's role")
    .option(
      "--force-new-cluster",
      "begin the cluster anew from what this manager's log holds, with it as the only manager: when most managers are lost for good",
      false,
    )
    .option(
      "--listen-addr <address:port>",
      `where a manager listens for nodes and managers; an interface's name will do (default ${DEFAULT_LISTEN})`,
      hostPort,
    )
    .option(
      "--advertise-addr <address:port>",
      "where others reach this node; an interface's name will do (default: the only address, or the one that leads to the managers)",
      hostPort,
    )
    .option(
      "--data-path-addr <address>",
      "the address of this node that carries the overlays; an interface's name will do (default: the one that others reach it at)",
    )
    .option(
      "--data-path-port <port>",
      `with --init: UDP port of the overlays, 1024-49151 (default ${DEFAULT_DATA_PATH_PORT})`,
      whole(1024, 49151),
    )
    .option(
      "--default-addr-pool <subnet,...>",
      "with --init: what the subnets of networks are cut from (default 10.0.0.0/8)",
      (text: string) => text.split(","),
    )
    .option(
      "--default-addr-pool-mask-length <bits>",
      "with --default-addr-pool: length of the subnets' masks (default 24)",
      whole(1, 32),
    )
    .option(
      "--manager-user <user>",
      `whom the manager's process runs as (default ${DEFAULT_MANAGER_USER}, where there is such a user)`,
    )
    .option("--manager-unit <unit>", "systemd runs the manager by this unit, while the node is to have one")
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
      init: flags.init === true,
      joinAddresses: (flags.joinAddr as readonly string[] | undefined) ?? [],
      joinTokenFile: flags.joinTokenFile as string | undefined,
      forceNewCluster: flags.forceNewCluster === true,
      settings: withoutAbsent<NodeSettings>({
        hostname: flags.hostname,
        controlSocket: flags.listenControlApi === undefined ? undefined : resolve(String(flags.listenControlApi)),
        dataPathPort: flags.dataPathPort,
      }),
    },
    addresses: withoutAbsent<AddressWishes>({
      listen: flags.listenAddr,
      advertise: flags.advertiseAddr,
      dataPath: flags.dataPathAddr,
    }),
    addressPools: (flags.defaultAddrPool as readonly string[] | undefined) ?? [],
    addressPoolMaskLength: (flags.defaultAddrPoolMaskLength as number | undefined) ?? 0,
    managerUser: flags.managerUser as string | undefined,
    managerUnit: flags.managerUnit as string | undefined,
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

/** Flags were checked as they were read: what is there has its type. */
export function withoutAbsent<T extends object>(values: { readonly [K in keyof T]: unknown }): T {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as T;
}

/** The version of the package that this file belongs to. */
export function version(): string {
  const file = new URL("../../../package.json", import.meta.url);
  return (JSON.parse(readFileSync(file, "utf8")) as { version: string }).version;
}
