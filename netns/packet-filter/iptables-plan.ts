/** What iptables has against what is wanted, and the `iptables-restore` input that makes them equal. Pure. */
import { compareByKey, type KeyedText } from "./compare.js";
import { builtInChain, type IptablesRule, type IptablesTable, iptablesChain } from "./iptables-compile.js";
import { type SavedTable, type SavedTables, wordBehind } from "./iptables-save.js";
import type { RuleDrift } from "./rules.js";
import { STAGE_PLACES, type StagePlace } from "./stage.js";

export const IPTABLES_TABLES: readonly IptablesTable[] = ["mangle", "nat", "filter"];
/** Jumps to chains that begin so may stand in front of ours: they are another filter's of this program. */
const FAMILY_PREFIX = "TSWARM-";

export interface IptablesState {
  /** Begins the names of our chains. */
  readonly prefix: string;
  /** In the order of {@link STAGE_PLACES}, each place's in its own. */
  readonly wanted: readonly IptablesRule[];
  readonly found: SavedTables;
  /** How `iptables-save` prints a line that it does not print as expected. */
  readonly printedAs?: ReadonlyMap<string, string>;
}

export function compareIptables(state: IptablesState): RuleDrift[] {
  const wanted = wantedTexts(state);
  const placeOfKey = new Map(state.wanted.map(({ key, place }) => [key, place]));
  const rules = compareByKey(wanted, foundTexts(state)).map((drift) => {
    const place = placeOfKey.get(drift.key);
    const fault = place && drift.state === "present" ? jumpFault(state, place) : undefined;
    return fault === undefined ? drift : { ...drift, state: "different" as const, found: fault };
  });
  return [...rules, ...extraChains(state)];
}

export function wantedTexts({ prefix, wanted, printedAs }: IptablesState): KeyedText[] {
  return wanted.map(({ key, place, words }) => {
    const chain = iptablesChain(prefix, place);
    const text = lineOf(chain, words);
    return { key, chain: `${place.iptablesTable} ${chain}`, text: printedAs?.get(text) ?? text };
  });
}

export function foundTexts({ prefix, found }: IptablesState): KeyedText[] {
  return STAGE_PLACES.flatMap((place) => {
    const chain = iptablesChain(prefix, place);
    const rules = found.get(place.iptablesTable)?.chains.get(chain) ?? [];
    return rules.map((words, index) => ({
      key: wordBehind(words, "--comment") ?? `unknown:${chain}:${index + 1}`,
      chain: `${place.iptablesTable} ${chain}`,
      text: lineOf(chain, words),
    }));
  });
}

function lineOf(chain: string, words: readonly string[]): string {
  return `-A ${chain} ${words.join(" ")}`;
}

/** Why the chain of a place is not tried as it should: first of all but for jumps of our own, once, without conditions. */
function jumpFault(state: IptablesState, place: StagePlace): string | undefined {
  const { found, prefix } = state;
  const builtIn = builtInChain(place.hook);
  const chain = iptablesChain(prefix, place);
  const rules = found.get(place.iptablesTable)?.chains.get(builtIn) ?? [];
  const jumps = rules.filter((words) => wordBehind(words, "-j") === chain);
  if (jumps.length === 0) return `${builtIn} does not jump to ${chain}`;
  if (jumps.length > 1) return `${builtIn} jumps to ${chain} ${jumps.length} times`;
  if (jumps[0]!.length !== 2) return `${builtIn} jumps to ${chain} only under a condition`;
  const foreign = rules.findIndex((words) => !(wordBehind(words, "-j") ?? "").startsWith(FAMILY_PREFIX));
  const at = rules.indexOf(jumps[0]!);
  if (foreign >= 0 && foreign < at) return `${builtIn} tries other rules before ${chain}`;
  const ourOrder = wantedPlaces(state)
    .filter((other) => other.iptablesTable === place.iptablesTable && other.hook === place.hook)
    .map((other) => iptablesChain(prefix, other));
  const theirOrder = rules.map((words) => wordBehind(words, "-j")).filter((target) => ourOrder.includes(target ?? ""));
  return theirOrder.join() === ourOrder.join()
    ? undefined
    : `${builtIn} jumps to ${theirOrder.join(", ")} in this order`;
}

function wantedPlaces({ wanted }: IptablesState): StagePlace[] {
  return STAGE_PLACES.filter((place) => wanted.some((rule) => rule.place === place));
}

/** Chains of ours that no wanted rule needs, unless something that is not ours holds an empty one. */
function extraChains(state: IptablesState): RuleDrift[] {
  const needed = new Set(wantedPlaces(state));
  return STAGE_PLACES.flatMap((place) => {
    const chain = iptablesChain(state.prefix, place);
    const table = state.found.get(place.iptablesTable);
    const rules = table?.chains.get(chain);
    if (!table || !rules || needed.has(place)) return [];
    const removable = !heldByOthers(table, chain, place);
    if (!removable && rules.length === 0 && jumpsTo(table, chain, place) === 0) return [];
    return [{ key: `chain:${place.iptablesTable}:${chain}`, state: "extra" as const, found: `${rules.length} rules` }];
  });
}

function jumpsTo(table: SavedTable, chain: string, place: StagePlace): number {
  return (table.chains.get(builtInChain(place.hook)) ?? []).filter((words) => wordBehind(words, "-j") === chain).length;
}

/** Whether a chain other than the built-in one that we jump from leads here. */
function heldByOthers(table: SavedTable, chain: string, place: StagePlace): boolean {
  return [...table.chains].some(
    ([name, rules]) =>
      name !== builtInChain(place.hook) &&
      rules.some((words) => wordBehind(words, "-j") === chain || wordBehind(words, "-g") === chain),
  );
}

/**
 * The input of `iptables-restore --noflush` for every table in which something differs; empty when nothing does. The command
 * replaces a table as a whole, so no packet meets a half-written one. Rules of others are not named.
 */
export function restoreInput(state: IptablesState): string {
  return IPTABLES_TABLES.map((table) => tableInput(state, table)).join("");
}

function tableInput(state: IptablesState, table: IptablesTable): string {
  if (isTableAsWanted(state, table)) return "";
  const saved = state.found.get(table);
  const needed = new Set(wantedPlaces(state));
  const declared: string[] = [];
  const removals: string[] = [];
  const jumps: string[] = [];
  const deletions: string[] = [];
  for (const place of STAGE_PLACES.filter(({ iptablesTable }) => iptablesTable === table)) {
    const chain = iptablesChain(state.prefix, place);
    const builtIn = builtInChain(place.hook);
    const exists = saved?.chains.has(chain) ?? false;
    if (!exists && !needed.has(place)) continue;
    declared.push(`:${chain} - [0:0]`);
    for (const words of saved?.chains.get(builtIn) ?? []) {
      if (wordBehind(words, "-j") === chain) removals.push(`-D ${builtIn} ${words.map(quoted).join(" ")}`);
    }
    // Inserted at the front one after the other: the last one first.
    if (needed.has(place)) jumps.unshift(`-I ${builtIn} 1 -j ${chain}`);
    else if (saved && !heldByOthers(saved, chain, place)) deletions.push(`-X ${chain}`);
  }
  const rules = state.wanted
    .filter(({ place }) => place.iptablesTable === table)
    .map(({ place, words }) => `-A ${iptablesChain(state.prefix, place)} ${words.map(quoted).join(" ")}`);
  const lines = [`*${table}`, ...declared, ...removals, ...jumps, ...rules, ...deletions, "COMMIT"];
  return `${lines.join("\n")}\n`;
}

function isTableAsWanted(state: IptablesState, table: IptablesTable): boolean {
  const ofTable = {
    ...state,
    wanted: state.wanted.filter(({ place }) => place.iptablesTable === table),
    found: new Map([...state.found].filter(([name]) => name === table)),
  };
  return compareIptables(ofTable).every(({ state: drift }) => drift === "present");
}

function quoted(word: string): string {
  return /^[\w./:,!+-]+$/.test(word) ? word : `"${word.replaceAll(/["\\]/g, "\\$&")}"`;
}
