/**
 * Every packet-filter rule that anything in tswarm writes, as data. Two back-ends write them: nf_tables over netlink, and
 * iptables-restore. Both write only into tables or chains of their own and leave all other rules of the machine alone.
 */

export type TransportProtocol = "tcp" | "udp" | "sctp";

/** What a packet must be like. Every field given must hold. Addresses are IPv4, with or without a prefix length. */
export interface PacketMatch {
  readonly protocol?: TransportProtocol;
  readonly source?: string;
  readonly destination?: string;
  readonly notSource?: string;
  readonly notDestination?: string;
  /** Any of these; needs `protocol`. At most 65,536; a back-end writes as many rules or sets as it needs. */
  readonly destinationPorts?: readonly number[];
  readonly sourcePort?: number;
  readonly inInterface?: string;
  readonly notInInterface?: string;
  readonly outInterface?: string;
  readonly notOutInterface?: string;
  /** The destination (source) is an address of this namespace. */
  readonly destinationLocal?: boolean;
  readonly sourceLocal?: boolean;
  readonly sourceMac?: string;
  readonly mark?: { readonly value: number; readonly mask?: number };
  readonly connectionMark?: { readonly value: number; readonly mask?: number };
  readonly connectionState?: readonly ("new" | "established" | "related" | "invalid")[];
}

/** Where in a packet's way a rule stands. nat rules see the first packet of a connection only. */
export type PacketHook = "prerouting" | "input" | "forward" | "output" | "postrouting";

export type PacketAction =
  /** Rewrites the destination: hooks prerouting and output. */
  | { readonly kind: "dnat"; readonly address: string; readonly port?: number }
  /** Sends to a port of this namespace: hooks prerouting and output. */
  | { readonly kind: "redirect"; readonly port: number }
  /** Rewrites the source to the leaving interface's address: hook postrouting. */
  | { readonly kind: "masquerade" }
  /** Rewrites the source: hook postrouting. */
  | { readonly kind: "snat"; readonly address: string }
  /** Sets the packet's mark before routing: hooks prerouting and output (rerouted there). */
  | { readonly kind: "mark"; readonly value: number; readonly mask?: number }
  /** Sets the connection's mark: hooks prerouting, input, output. */
  | { readonly kind: "connection-mark"; readonly value: number; readonly mask?: number }
  /** Copies the connection's mark to the packet, before routing: hooks prerouting and output. */
  | { readonly kind: "restore-mark"; readonly mask?: number }
  /** Refuses at once: TCP by reset, the rest by ICMP port unreachable. Hooks input, forward, output. */
  | { readonly kind: "reject" }
  | { readonly kind: "drop" }
  /** Ends this hook's filter rules of ours for the packet. */
  | { readonly kind: "accept" };

export interface PacketRule {
  /** Unique in its namespace and stable over restarts; at most 96 characters of [a-z0-9_.:/-]. */
  readonly key: string;
  /** `ip` by default; `ip6` allows only matches without addresses and the actions reject, drop and accept. */
  readonly family?: "ip" | "ip6";
  readonly hook: PacketHook;
  readonly match: PacketMatch;
  readonly action: PacketAction;
}

/**
 * All wanted rules of one namespace. Within a hook marks come first, then address translation, then reject, drop and accept (in
 * prerouting and postrouting these stand between marks and translation); among those of one kind the list's order holds.
 */
export type PacketRules = readonly PacketRule[];

export interface RuleDrift {
  readonly key: string;
  readonly state: "present" | "missing" | "different" | "extra";
  /** The rule in the back-end's own notation. */
  readonly wanted?: string;
  readonly found?: string;
}

/**
 * Writes packet-filter rules of the network namespace that the calling thread is in. Synchronous: belongs in the data-plane
 * Worker.
 */
export interface PacketFilter {
  readonly name: "nftables" | "iptables-nft" | "iptables-legacy";
  /** Makes the namespace's rules of ours be exactly `wanted`, in one transaction; nothing is written when nothing differs. */
  apply(wanted: PacketRules): { readonly changed: number };
  /** Compares without writing. */
  observe(wanted: PacketRules): readonly RuleDrift[];
  /** Removes every rule, chain and table of ours. */
  clear(): void;
}
