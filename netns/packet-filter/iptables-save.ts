/**
 * Reads what `iptables-save` prints:
 *
 * ```
 * *nat
 * :PREROUTING ACCEPT [0:0]
 * :TSWARM-NAT-PREROUTING - [0:0]
 * -A PREROUTING -j TSWARM-NAT-PREROUTING
 * -A TSWARM-NAT-PREROUTING -p tcp -m comment --comment "web/1" -j DNAT --to-destination 10.0.0.2
 * COMMIT
 * ```
 */

export interface SavedTable {
  /** Rules of each chain as words behind `-A CHAIN`; chains without rules included. */
  readonly chains: ReadonlyMap<string, readonly (readonly string[])[]>;
}

export type SavedTables = ReadonlyMap<string, SavedTable>;

/** Total: lines of another form are passed over, since they are not ours. */
export function parseIptablesSave(text: string): SavedTables {
  const tables = new Map<string, { chains: Map<string, string[][]> }>();
  let chains: Map<string, string[][]> | undefined;
  for (const line of text.split("\n")) {
    if (line.startsWith("*")) {
      chains = new Map();
      tables.set(line.slice(1).trim(), { chains });
    } else if (line.startsWith(":")) {
      const name = line.slice(1).split(" ", 1)[0];
      if (name) chains?.set(name, []);
    } else if (line.startsWith("-A ")) {
      const [, chain, ...words] = splitWords(line);
      if (chain !== undefined) chains?.get(chain)?.push(words);
    }
  }
  return tables;
}

/** Splits at spaces; a word in double quotes may hold spaces, and \" and \\ for the two characters. */
export function splitWords(line: string): string[] {
  const words: string[] = [];
  for (const match of line.matchAll(/"((?:[^"\\]|\\.)*)"|(\S+)/g)) {
    words.push(match[1] === undefined ? match[2]! : match[1].replaceAll(/\\(.)/g, "$1"));
  }
  return words;
}

/** The word behind `option`, if it is there. */
export function wordBehind(words: readonly string[], option: string): string | undefined {
  const at = words.indexOf(option);
  return at < 0 ? undefined : words[at + 1];
}
