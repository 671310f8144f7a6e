/** Which back-end works in the calling thread's network namespace. */
import { NftBatch } from "../../native-bindings/nftables/batch.js";
import { NftSocket } from "../../native-bindings/nftables/socket.js";
import { PacketFilterError } from "./errors.js";
import { findIptables, type IptablesFlavour } from "./iptables-command.js";
import { IptablesFilter } from "./iptables-filter.js";
import { compileRules } from "./nftables-compile.js";
import { NftablesFilter } from "./nftables-filter.js";
import { removeTable, writeTables } from "./nftables-write.js";
import type { PacketFilter, PacketRules } from "./rules.js";

export type PacketFilterName = PacketFilter["name"];

export interface PacketFilterChoice {
  readonly filter: PacketFilter;
  /** Those that were tried before it, and why they cannot be used. */
  readonly refused: readonly { readonly name: PacketFilterName; readonly reason: string }[];
}

export interface PacketFilterChoiceOptions {
  /** Use this one or none. */
  readonly only?: PacketFilterName;
  /** nf_tables: name of the table. */
  readonly table?: string;
  /** iptables: begins the names of the chains. */
  readonly chainPrefix?: string;
}

const PREFERENCE: readonly PacketFilterName[] = ["nftables", "iptables-nft", "iptables-legacy"];

const PROBE_NAME = "tswarm-probe";
const PROBE_CHAIN_PREFIX = "TSWARM-P";
/** No packet has these addresses, so that the probe's rules touch none. */
const NOBODY = { source: "127.255.255.254", destination: "127.255.255.253" } as const;

/** Rules that use every part of a back-end that may be missing in a kernel. */
const PROBE_RULES: PacketRules = (
  [
    { key: "mark", hook: "output", match: { mark: { value: 1, mask: 1 } }, action: { kind: "mark", value: 1 } },
    {
      key: "connection",
      hook: "prerouting",
      match: { connectionState: ["new"] },
      action: { kind: "connection-mark", value: 1 },
    },
    { key: "restore", hook: "output", match: { connectionMark: { value: 1 } }, action: { kind: "restore-mark" } },
    {
      key: "dnat",
      hook: "prerouting",
      match: { protocol: "tcp", destinationPorts: [1, 3], destinationLocal: true },
      action: { kind: "dnat", address: "127.0.0.1", port: 1 },
    },
    { key: "redirect", hook: "output", match: { protocol: "udp" }, action: { kind: "redirect", port: 1 } },
    { key: "snat", hook: "postrouting", match: {}, action: { kind: "snat", address: "127.0.0.1" } },
    { key: "masquerade", hook: "postrouting", match: {}, action: { kind: "masquerade" } },
    { key: "reject", hook: "input", match: { inInterface: "lo" }, action: { kind: "reject" } },
  ] as const
).map((rule) => ({ ...rule, match: { ...rule.match, ...NOBODY } }));

/**
 * Tries nf_tables over netlink, then the iptables flavours, each by writing what it must be able to write and taking it away.
 * @throws PacketFilterError naming every reason when none works
 */
export function choosePacketFilter(options: PacketFilterChoiceOptions = {}): PacketFilterChoice {
  const refused: { name: PacketFilterName; reason: string }[] = [];
  for (const name of options.only ? [options.only] : PREFERENCE) {
    const filter = attempt(name, options);
    if (typeof filter !== "string") return { filter, refused };
    refused.push({ name, reason: filter });
  }
  const reasons = refused.map(({ name, reason }) => `${name}: ${reason}`).join("; ");
  throw new PacketFilterError(`no packet filter works here: ${reasons}`);
}

/** @returns the back-end, or why it cannot be used */
function attempt(name: PacketFilterName, options: PacketFilterChoiceOptions): PacketFilter | string {
  try {
    if (name === "nftables") {
      probeNftables();
      return new NftablesFilter(options.table === undefined ? {} : { table: options.table });
    }
    const flavour: IptablesFlavour = name === "iptables-nft" ? "nft" : "legacy";
    const commands = findIptables(flavour);
    if (typeof commands === "string") return commands;
    const probe = new IptablesFilter(commands, { chainPrefix: PROBE_CHAIN_PREFIX });
    probe.apply(PROBE_RULES);
    probe.clear();
    return new IptablesFilter(commands, options.chainPrefix === undefined ? {} : { chainPrefix: options.chainPrefix });
  } catch (error) {
    if (error instanceof Error) return error.message;
    throw error;
  }
}

/** One transaction makes the probe's table and removes it: nothing is ever seen of it. */
function probeNftables(): void {
  using socket = NftSocket.open();
  const batch = new NftBatch();
  writeTables(batch, PROBE_NAME, compileRules(PROBE_RULES), []);
  removeTable(batch, { family: "ip", table: PROBE_NAME });
  socket.commit(batch);
}
