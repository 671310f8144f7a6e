/**
 * The iptables rules that lead packets to IPVS services, as lines of `iptables-save`.
 *
 * ```
 * *mangle
 * -A OUTPUT -j TSWARM-LB-CALL
 * -A TSWARM-LB-CALL -d 10.0.1.2/32 -j MARK --set-xmark 0x100/0xffffffff
 * -A PREROUTING -m addrtype --dst-type LOCAL -j TSWARM-LB-ARRIVE
 * -A TSWARM-LB-ARRIVE -p tcp -m tcp --dport 8080 -j MARK --set-xmark 0x100/0xffffffff
 * *filter
 * -A INPUT -m conntrack --ctstate INVALID,NEW -j TSWARM-LB-REFUSE
 * -A TSWARM-LB-REFUSE -d 10.0.1.2/32 -j TSWARM-LB-NOW
 * -A TSWARM-LB-REFUSE -p tcp -m tcp --dport 8080 -j TSWARM-LB-NOW         a published port without backends
 * -A TSWARM-LB-NOW -p icmp -j RETURN
 * -A TSWARM-LB-NOW -p tcp -j REJECT --reject-with tcp-reset
 * -A TSWARM-LB-NOW -j REJECT --reject-with icmp-port-unreachable
 * ```
 *
 * Those of `ip6tables-save` are the same for IPv6, without what belongs to published ports.
 *
 * A virtual address is a local route of the namespace: what IPVS did not take comes round over `lo` and is refused at the
 * input, before it reaches the task's own listener on 0.0.0.0. IPVS knows its connections without the mark, so a service
 * whose destinations all drain loses its mark, keeps its connections and refuses new ones.
 * For the same reason what is established through a port that is no longer published goes on until it ends, or its destination
 * goes: nothing but the removal of a destination takes a connection from IPVS.
 * A datagram that is longer than the way's MTU is refused by IPVS itself (EMSGSIZE), before it would be cut. With IPv4 the sender
 * learns from it and the next one passes; with IPv6 none does (ensure_mtu_is_adequate in net/netfilter/ipvs/ip_vs_xmit.c).
 * Lines per packet grow with the number of services, as in Docker Swarm; only first packets pass the refusing ones.
 */
import type { Family } from "../family.js";
import { type PublishedPort, portKey, portOfKey } from "../published-port.js";
import type { Ways } from "../ways.js";

export type TableName = "mangle" | "filter";

export interface OwnChain {
  readonly table: TableName;
  readonly name: string;
  /** Where the chain is jumped to from, with the condition's words. */
  readonly jump?: { readonly from: string; readonly words: string };
}

export const CALL: OwnChain = { table: "mangle", name: "TSWARM-LB-CALL", jump: { from: "OUTPUT", words: "" } };
export const ARRIVE: OwnChain = {
  table: "mangle",
  name: "TSWARM-LB-ARRIVE",
  jump: { from: "PREROUTING", words: "-m addrtype --dst-type LOCAL" },
};
export const NOW: OwnChain = { table: "filter", name: "TSWARM-LB-NOW" };
export const REFUSE: OwnChain = {
  table: "filter",
  name: "TSWARM-LB-REFUSE",
  jump: { from: "INPUT", words: "-m conntrack --ctstate INVALID,NEW" },
};

/** In the order in which they are made. */
export const OWN_CHAINS: Readonly<Record<Family, readonly OwnChain[]>> = {
  ip: [CALL, ARRIVE, NOW, REFUSE],
  ip6: [CALL, NOW, REFUSE],
};

/** Rules of the chain that refuses; they never change. */
export const NOW_RULES: Readonly<Record<Family, readonly string[]>> = {
  ip: nowRules("icmp", "icmp"),
  ip6: nowRules("ipv6-icmp", "icmp6"),
};

function nowRules(icmp: string, answer: string): readonly string[] {
  return [
    `-p ${icmp} -j RETURN`,
    "-p tcp -j REJECT --reject-with tcp-reset",
    `-j REJECT --reject-with ${answer}-port-unreachable`,
  ];
}

/**
 * The rules of each chain, in words as `iptables-save` prints them behind `-A CHAIN`.
 * @param ways of the one family
 */
export function chainRules(ways: Ways, family: Family): ReadonlyMap<OwnChain, readonly string[]> {
  const host = family === "ip6" ? 128 : 32;
  return new Map([
    [CALL, [...ways.virtualServices].map(([address, mark]) => `-d ${address}/${host} ${markTarget(mark)}`)],
    [ARRIVE, [...ways.publishedServices].map(([port, mark]) => `${portMatch(portOfKey(port))} ${markTarget(mark)}`)],
    [NOW, NOW_RULES[family]],
    [
      REFUSE,
      [
        ...[...ways.virtualAddresses].map((address) => `-d ${address}/${host} -j ${NOW.name}`),
        ...[...ways.refusedPorts].map((port) => `${portMatch(portOfKey(port))} -j ${NOW.name}`),
      ],
    ],
  ]);
}

/** The inverse of {@link chainRules}: rules of another form are left out, and so count as missing and their chain as damaged. */
export function waysOfRules(rules: ReadonlyMap<OwnChain, readonly string[]>): Ways {
  const virtualServices = new Map<string, number>();
  const publishedServices = new Map<string, number>();
  const virtualAddresses = new Set<string>();
  const refusedPorts = new Set<string>();
  for (const rule of rules.get(CALL) ?? []) {
    const [, address, mark] =
      /^-d ([\d.]+(?=\/32)|[\da-f:]+(?=\/128))\/\d+ -j MARK --set-xmark 0x([0-9a-f]+)\/0xffffffff$/.exec(rule) ?? [];
    if (address && mark) virtualServices.set(address, Number.parseInt(mark, 16));
  }
  for (const rule of rules.get(ARRIVE) ?? []) {
    const port = matchedPort(rule);
    const mark = / -j MARK --set-xmark 0x([0-9a-f]+)\/0xffffffff$/.exec(rule)?.[1];
    if (port && mark) publishedServices.set(port, Number.parseInt(mark, 16));
  }
  for (const rule of rules.get(REFUSE) ?? []) {
    const address = /^-d ([\d.]+(?=\/32)|[\da-f:]+(?=\/128))\/\d+ -j /.exec(rule)?.[1];
    const port = matchedPort(rule);
    if (address) virtualAddresses.add(address);
    else if (port) refusedPorts.add(port);
  }
  return { virtualServices, publishedServices, virtualAddresses, refusedPorts };
}

function markTarget(mark: number): string {
  return `-j MARK --set-xmark 0x${mark.toString(16)}/0xffffffff`;
}

function portMatch({ protocol, port }: PublishedPort): string {
  return `-p ${protocol} -m ${protocol} --dport ${port}`;
}

function matchedPort(rule: string): string | undefined {
  const [, protocol, port] = /^-p (tcp|udp|sctp) -m \1 --dport (\d+) /.exec(rule) ?? [];
  return protocol && port
    ? portKey({ protocol: protocol as PublishedPort["protocol"], port: Number(port) })
    : undefined;
}
