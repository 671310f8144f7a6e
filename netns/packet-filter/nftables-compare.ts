/** What the kernel has against what is wanted, rule by rule. Pure. */
import { describeExpression } from "../../native-bindings/nftables/expression-text.js";
import type { Chain, ChainBase } from "../../native-bindings/nftables/objects.js";
import { compareByKey, inOrder, type KeyedText } from "./compare.js";
import type { CompiledTable } from "./nftables-compile.js";
import { portKey } from "./nftables-match.js";
import type { RuleDrift } from "./rules.js";

export interface FoundTable {
  readonly family: "ip" | "ip6";
  /** A dormant table's rules are not tried. */
  readonly dormant: boolean;
  readonly chains: readonly Chain[];
  /** In the order in which they stand; `text` says expressions and port sets. */
  readonly rules: readonly KeyedText[];
}

export function compareTables(wanted: readonly CompiledTable[], found: readonly FoundTable[]): RuleDrift[] {
  return (["ip", "ip6"] as const).flatMap((family) =>
    compareTable(
      wanted.find((table) => table.family === family),
      found.find((table) => table.family === family),
    ),
  );
}

function compareTable(wanted: CompiledTable | undefined, found: FoundTable | undefined): RuleDrift[] {
  const wantedRules = wanted ? wantedTexts(wanted) : [];
  const drift = compareByKey(wantedRules, found?.rules ?? []);
  if (!found) return drift;
  const faults = wanted ? chainFaults(wanted, found) : new Map<string, string>();
  const chainOf = new Map(wantedRules.map((rule) => [rule.key, rule.chain]));
  const withFaults = drift.map((rule) => {
    const fault = faults.get(chainOf.get(rule.key) ?? "");
    return fault !== undefined && rule.state === "present"
      ? { ...rule, state: "different" as const, found: fault }
      : rule;
  });
  const extra = found.chains
    .filter(({ name }) => !wanted?.chains.has(name))
    .map(({ name, base }) => ({ key: `chain:${name}`, state: "extra" as const, found: describeBase(base) }));
  const empty = !wanted && extra.length === 0 && found.rules.length === 0;
  return [...withFaults, ...extra, ...(empty ? [{ key: "table", state: "extra" as const, found: found.family }] : [])];
}

export function wantedTexts(table: CompiledTable): KeyedText[] {
  return inOrder(
    table.rules.map(({ key, chain, expressions, portSet }) => ({
      key,
      chain,
      text: expressions
        .map((expression) =>
          describeExpression(expression, () =>
            describePortSet(portSet ? portSet.ports.map((port) => portKey(portSet.protocol, port)) : []),
          ),
        )
        .join("; "),
    })),
    [...table.chains.keys()],
  );
}

/** A port set's elements as `protocol:port`; keys of another form as they are. */
export function describePortSet(keys: readonly Uint8Array[]): string {
  const texts = keys.map((bytes) => {
    const key = Buffer.from(bytes);
    const port = key.length === 8 ? key.readUInt16BE(4) : 0;
    return key.equals(portKey(key[0] ?? 0, port)) ? `${key[0]}:${port}` : key.toString("hex");
  });
  return `{ ${texts.sort().join(", ")} }`;
}

/** Why the rules of a chain are not tried as wanted, by the chain's name. */
function chainFaults(wanted: CompiledTable, found: FoundTable): Map<string, string> {
  const faults = new Map<string, string>();
  for (const [name, base] of wanted.chains) {
    const chain = found.chains.find((candidate) => candidate.name === name);
    if (found.dormant) faults.set(name, "the table is dormant");
    else if (chain && describeBase(chain.base) !== describeBase(base)) {
      faults.set(name, `the chain is ${describeBase(chain.base)}`);
    }
  }
  return faults;
}

function describeBase(base: ChainBase | undefined): string {
  return base ? `${describeHook(base)} policy ${base.policy ?? "accept"}` : describeHook(base);
}

/** Where a chain stands: what a chain once made keeps. */
export function describeHook(base: ChainBase | undefined): string {
  return base ? `type ${base.type} hook ${base.hook} priority ${base.priority}` : "not at a hook";
}
