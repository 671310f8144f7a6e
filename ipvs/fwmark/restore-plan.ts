/** The one `iptables-restore --noflush` input that brings a family's rules from one state to another. Pure. */
import type { SavedTables } from "../../netns/packet-filter/iptables-save.js";
import type { Family } from "../family.js";
import type { Ways } from "../ways.js";
import { chainRules, OWN_CHAINS, type OwnChain, type TableName } from "./mark-rules.js";

/** What `iptables-save` showed of our chains. */
export interface KernelRules {
  /** Chains that are there, with their rules in words. */
  readonly chains: ReadonlyMap<OwnChain, readonly string[]>;
  /** Jumps to our chains, as they stand: `-A OUTPUT -j TSWARM-LB-CALL`. */
  readonly jumps: ReadonlyMap<OwnChain, readonly string[]>;
}

const TABLES: readonly TableName[] = ["filter", "mangle"];

export const NO_RULES: KernelRules = { chains: new Map(), jumps: new Map() };

export function rulesOfSave(saved: SavedTables, family: Family): KernelRules {
  const chains = new Map<OwnChain, readonly string[]>();
  const jumps = new Map<OwnChain, readonly string[]>();
  for (const chain of OWN_CHAINS[family]) {
    const table = saved.get(chain.table)?.chains;
    const rules = table?.get(chain.name);
    if (rules) chains.set(chain, rules.map(text));
    if (!chain.jump) continue;
    const from = table?.get(chain.jump.from) ?? [];
    const found = from.filter((words) => words.at(-2) === "-j" && words.at(-1) === chain.name);
    jumps.set(
      chain,
      found.map((words) => `${chain.jump!.from} ${text(words)}`),
    );
  }
  return { chains, jumps };
}

/** Only the lines that come or go; empty when nothing does. Refused as a whole when a line that is to go is not there. */
export function changeInput(before: Ways, after: Ways, family: Family): string {
  const [had, has] = [chainRules(before, family), chainRules(after, family)];
  return input(family, (chain) => {
    const [old, now] = [new Set(had.get(chain)), new Set(has.get(chain))];
    const lines: string[] = [];
    for (const rule of old) if (!now.has(rule)) lines.push(`-D ${chain.name} ${rule}`);
    for (const rule of now) if (!old.has(rule)) lines.push(`-A ${chain.name} ${rule}`);
    return lines;
  });
}

/** Chains that differ are emptied and written anew, missing jumps are made in first place; empty when nothing differs. */
export function rebuildInput(found: KernelRules, wanted: Ways, family: Family): string {
  const rules = chainRules(wanted, family);
  return input(family, (chain) => {
    const lines: string[] = [];
    const now = found.chains.get(chain);
    const want = rules.get(chain) ?? [];
    if (!now || !sameRules(now, want)) {
      lines.push(`:${chain.name} - [0:0]`, ...want.map((rule) => `-A ${chain.name} ${rule}`));
    }
    const jumps = found.jumps.get(chain) ?? [];
    const jump = jumpOf(chain);
    if (jump && (jumps.length !== 1 || jumps[0] !== jump)) {
      lines.push(...jumps.map((words) => `-D ${words}`), `-I ${jump}`);
    }
    return lines;
  });
}

/** Takes every chain and jump of ours away; empty when there are none. */
export function clearInput({ chains, jumps }: KernelRules): string {
  const lines = (table: TableName): string[] => {
    const own = OWN_CHAINS.ip.filter((chain) => chain.table === table && chains.has(chain));
    return [
      ...own.map(({ name }) => `:${name} - [0:0]`),
      ...own.flatMap((chain) => (jumps.get(chain) ?? []).map((words) => `-D ${words}`)),
      ...own.map(({ name }) => `-X ${name}`),
    ];
  };
  return TABLES.map((table) => tableInput(table, lines(table))).join("");
}

/** Takes the chains and jumps away that {@link rebuildInput} wrote; refused when one of them is not there. */
export function takeDownInput(family: Family): string {
  const own = OWN_CHAINS[family];
  const jumps = own.map((chain) => [chain, chain.jump ? [jumpOf(chain)!] : []] as const);
  return clearInput({ chains: new Map(own.map((chain) => [chain, []])), jumps: new Map(jumps) });
}

/** Whether the chains say exactly what is wanted and are jumped to. The order of rules does not matter: none shadows another. */
export function isAsWanted(found: KernelRules, wanted: Ways, family: Family): boolean {
  return rebuildInput(found, wanted, family) === "";
}

function sameRules(found: readonly string[], wanted: readonly string[]): boolean {
  if (found.length !== wanted.length) return false;
  if (found.every((rule, index) => rule === wanted[index])) return true;
  const known = new Set(found);
  return known.size === wanted.length && wanted.every((rule) => known.has(rule));
}

function jumpOf({ name, jump }: OwnChain): string | undefined {
  return jump && `${jump.from} ${jump.words === "" ? "" : `${jump.words} `}-j ${name}`;
}

/** Declarations of all chains of a table stand before the rules, which may jump from one to another. */
function input(family: Family, linesOf: (chain: OwnChain) => readonly string[]): string {
  return TABLES.map((table) => {
    const lines = OWN_CHAINS[family].filter((chain) => chain.table === table).flatMap(linesOf);
    return tableInput(table, [
      ...lines.filter((line) => line.startsWith(":")),
      ...lines.filter((line) => !line.startsWith(":")),
    ]);
  }).join("");
}

function tableInput(table: TableName, lines: readonly string[]): string {
  return lines.length === 0 ? "" : `*${table}\n${lines.join("\n")}\nCOMMIT\n`;
}

function text(words: readonly string[]): string {
  return words.join(" ");
}
