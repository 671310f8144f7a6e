/** Reads the table of one family back from the kernel. */

import { bytesToIp } from "../../native-bindings/address-text.js";
import { decodeComment } from "../../native-bindings/nftables/comment.js";
import type { Expression } from "../../native-bindings/nftables/expression.js";
import type { Chain, Rule, SetDefinition, SetElement } from "../../native-bindings/nftables/objects.js";
import type { NftSocket } from "../../native-bindings/nftables/socket.js";
import { PROTOCOL_NUMBERS, portKey } from "../published-port.js";
import { type Layout, markOfChain, type PlainSet, shardName, shardOfName, slotOfKey } from "./layout.js";
import { EMPTY_TABLE, type ServiceState, type TableState } from "./table-state.js";

export interface KernelTable {
  readonly exists: boolean;
  /** Its plain sets, chains and rules are as this driver writes them, and nothing else stands in it. */
  readonly intact: boolean;
  /** Endpoints maps that are there. */
  readonly shards: ReadonlySet<number>;
  /** Empty when its sets are not such as can be read. */
  readonly state: TableState;
}

const ABSENT: KernelTable = { exists: false, intact: false, shards: new Set(), state: EMPTY_TABLE };
/** A mark that no service has: an element that leads elsewhere than to a service's chain. */
const NO_SERVICE = 0;

/** @throws NetlinkError, NetlinkTransportError, NetlinkFormatError */
export function readTable(socket: NftSocket, layout: Layout): KernelTable {
  const { family, table: name } = layout.table;
  if (!socket.tables(family).some(({ table }) => table === name)) return ABSENT;
  const chains = socket.chains(family).filter(({ table }) => table === name);
  const sets = socket.sets(layout.table);
  const rules = rulesByChain(socket.rules(layout.table));
  const shards = new Set<number>();
  for (const { name } of sets) {
    const shard = shardOfName(name);
    if (shard !== undefined) shards.add(shard);
  }
  if (!setsIntact(layout, sets)) return { exists: true, intact: false, shards, state: EMPTY_TABLE };
  const plain = new Set(layout.plainSets.map((set) => set.name));
  const elements = (set: string) => socket.elements({ ...layout.table, name: set });
  const plainElements = (set: PlainSet) => (plain.has(set) ? elements(set) : []);
  return {
    exists: true,
    intact: chainsIntact(layout, chains, rules),
    shards,
    state: {
      services: readServices(layout, chains, rules, shards, elements),
      virtualServices: verdicts(plainElements("virtual-services")),
      publishedServices: verdicts(plainElements("published-services")),
      virtualAddresses: keys(plainElements("virtual-addresses")),
      refusedPorts: keys(plainElements("refused-ports")),
    },
  };
}

function readServices(
  layout: Layout,
  chains: readonly Chain[],
  rules: ReadonlyMap<string, readonly Rule[]>,
  shards: ReadonlySet<number>,
  elements: (set: string) => readonly SetElement[],
): TableState["services"] {
  const services = new Map<number, { -readonly [K in keyof ServiceState]: ServiceState[K] } & { slots: string[] }>();
  for (const { name } of chains) {
    const mark = markOfChain(name);
    if (mark !== undefined)
      services.set(mark, { chain: true, slots: [], ...readRule(layout, mark, rules.get(name) ?? []) });
  }
  for (const shard of shards) {
    for (const { key, value } of elements(shardName(shard))) {
      if (!key || !value) continue;
      const { mark, index } = slotOfKey(shard, Buffer.from(key).readUInt32LE());
      let service = services.get(mark);
      if (!service) {
        service = { id: "", chain: false, modulus: 0, slots: [] };
        services.set(mark, service);
      }
      service.slots[index] = bytesToIp(value);
    }
  }
  return services;
}

function verdicts(elements: readonly SetElement[]): Map<string, number> {
  return new Map(elements.map((element) => [keyText(element.key), leadsTo(element)]));
}

function keys(elements: readonly SetElement[]): Set<string> {
  return new Set(elements.map(({ key }) => keyText(key)));
}

/** Only exactly one rule of ours counts: of anything else the modulus is 0, which no service wants. */
function readRule(layout: Layout, mark: number, rules: readonly Rule[]): { id: string; modulus: number } {
  const [rule] = rules;
  const id = decodeComment(rule?.userdata) ?? "";
  const counter = rule?.expressions[0];
  if (!rule || rules.length !== 1 || counter?.kind !== "numgen") return { id, modulus: 0 };
  const { modulus } = counter;
  return { id, modulus: sameExpressions(layout.serviceRule(mark, modulus), rule.expressions) ? modulus : 0 };
}

function leadsTo({ verdict }: SetElement): number {
  return verdict?.kind === "goto" ? (markOfChain(verdict.chain) ?? NO_SERVICE) : NO_SERVICE;
}

/** The inverse of keyBytes in transaction.ts. */
function keyText(key: Uint8Array | undefined): string {
  if (key?.length === 4 || key?.length === 16) return bytesToIp(key);
  if (key?.length !== 8) return "";
  const protocol = PROTOCOL_NAMES.get(key[0]!);
  return protocol ? portKey({ protocol, port: (key[4]! << 8) | key[5]! }) : `${key[0]}/${(key[4]! << 8) | key[5]!}`;
}

const PROTOCOL_NAMES = new Map(
  (["tcp", "udp", "sctp"] as const).map((protocol) => [PROTOCOL_NUMBERS[protocol], protocol]),
);

function rulesByChain(rules: readonly Rule[]): Map<string, Rule[]> {
  const byChain = new Map<string, Rule[]>();
  for (const rule of rules) {
    const list = byChain.get(rule.chain);
    if (list) list.push(rule);
    else byChain.set(rule.chain, [rule]);
  }
  return byChain;
}

function setsIntact({ plainSets, shardSet }: Layout, sets: readonly SetDefinition[]): boolean {
  const found = new Map(sets.map((set) => [set.name, set]));
  if (!plainSets.every((wanted) => sameSet(wanted, found.get(wanted.name)))) return false;
  const plain = new Set<string>(plainSets.map(({ name }) => name));
  return sets.every((set) => {
    const shard = shardOfName(set.name);
    return plain.has(set.name) || (shard !== undefined && sameSet(shardSet(shard), set));
  });
}

function sameSet(wanted: SetDefinition, found: SetDefinition | undefined): boolean {
  return (
    found !== undefined &&
    found.flags === wanted.flags &&
    found.keyLength === wanted.keyLength &&
    found.dataType === wanted.dataType
  );
}

function chainsIntact(
  { plainChains }: Layout,
  chains: readonly Chain[],
  rules: ReadonlyMap<string, readonly Rule[]>,
): boolean {
  const found = new Map(chains.map((chain) => [chain.name, chain]));
  const plain = plainChains.every(({ chain, rules: wanted }) => {
    const there = found.get(chain.name);
    const has = rules.get(chain.name) ?? [];
    return (
      there !== undefined &&
      there.base?.type === chain.base?.type &&
      there.base?.hook === chain.base?.hook &&
      there.base?.priority === chain.base?.priority &&
      (there.base?.policy ?? "accept") === "accept" &&
      has.length === wanted.length &&
      wanted.every((expressions, index) => sameExpressions(expressions, has[index]!.expressions))
    );
  });
  const names = new Set(plainChains.map(({ chain }) => chain.name));
  return plain && chains.every(({ name }) => names.has(name) || markOfChain(name) !== undefined);
}

/** Whether the kernel's expressions say at least what the wanted ones do; it fills in defaults that are not written. */
function sameExpressions(wanted: readonly Expression[], found: readonly Expression[]): boolean {
  return wanted.length === found.length && wanted.every((expression, index) => says(found[index], expression));
}

function says(found: unknown, wanted: unknown): boolean {
  if (wanted instanceof Uint8Array) return found instanceof Uint8Array && Buffer.compare(wanted, found) === 0;
  if (typeof wanted !== "object" || wanted === null) return found === wanted;
  if (typeof found !== "object" || found === null) return false;
  return Object.entries(wanted).every(([field, value]) => says((found as Record<string, unknown>)[field], value));
}
