/** Lists of rules, wanted and found, in a back-end's notation: which differ. Shared by both back-ends. Pure. */
import type { RuleDrift } from "./rules.js";

/** One rule of a back-end. A PacketRule may need several: they share its key. */
export interface KeyedText {
  readonly key: string;
  readonly chain: string;
  readonly text: string;
}

/** Sorts by chain, in the order of `chains`, keeping each chain's own order. */
export function inOrder(rules: readonly KeyedText[], chains: readonly string[]): KeyedText[] {
  return chains.flatMap((chain) => rules.filter((rule) => rule.chain === chain));
}

/**
 * One entry for each key: wanted ones in their order, then extra ones. Both lists hold each chain's rules in the order in which
 * they are tried; a rule that stands elsewhere among those that are there is `different`.
 */
export function compareByKey(wanted: readonly KeyedText[], found: readonly KeyedText[]): RuleDrift[] {
  const wantedTexts = textsByKey(wanted);
  const foundTexts = textsByKey(found);
  const equal = new Set([...wantedTexts].filter(([key, text]) => foundTexts.get(key) === text).map(([key]) => key));
  const displaced = displacedKeys(wanted, found, equal);
  const drift: RuleDrift[] = [];
  for (const [key, text] of wantedTexts) {
    const there = foundTexts.get(key);
    if (there === undefined) drift.push({ key, state: "missing", wanted: text });
    else if (there !== text) drift.push({ key, state: "different", wanted: text, found: there });
    else if (displaced.has(key))
      drift.push({ key, state: "different", wanted: text, found: `${there} (out of order)` });
    else drift.push({ key, state: "present", wanted: text, found: there });
  }
  for (const [key, text] of foundTexts) {
    if (!wantedTexts.has(key)) drift.push({ key, state: "extra", found: text });
  }
  return drift;
}

/** Each key's rules as lines, by chain: rules of different chains have no order among themselves. */
function textsByKey(rules: readonly KeyedText[]): Map<string, string> {
  const byKey = new Map<string, KeyedText[]>();
  for (const rule of rules) {
    const others = byKey.get(rule.key);
    if (others) others.push(rule);
    else byKey.set(rule.key, [rule]);
  }
  const line = ({ chain, text }: KeyedText) => `${chain}: ${text}`;
  const byChain = (a: KeyedText, b: KeyedText) => (a.chain < b.chain ? -1 : a.chain > b.chain ? 1 : 0);
  return new Map([...byKey].map(([key, parts]) => [key, parts.sort(byChain).map(line).join("\n")]));
}

/** Keys whose rules are equal in both lists, but stand at places that do not agree. */
function displacedKeys(
  wanted: readonly KeyedText[],
  found: readonly KeyedText[],
  equal: ReadonlySet<string>,
): Set<string> {
  const displaced = new Set<string>();
  const foundByChain = keysByChain(found, equal);
  for (const [chain, wantedKeys] of keysByChain(wanted, equal)) {
    const foundKeys = foundByChain.get(chain) ?? [];
    for (const [index, key] of wantedKeys.entries()) if (foundKeys[index] !== key) displaced.add(key);
  }
  return displaced;
}

function keysByChain(rules: readonly KeyedText[], which: ReadonlySet<string>): Map<string, string[]> {
  const chains = new Map<string, string[]>();
  for (const { key, chain } of rules) {
    if (!which.has(key)) continue;
    const keys = chains.get(chain);
    if (keys) keys.push(key);
    else chains.set(chain, [key]);
  }
  return chains;
}
