/**
 * The iptables back-end, for both flavours: chains of its own, jumped to from the built-in ones in first place, written by one
 * `iptables-restore --noflush` for each change and family. A table changes as a whole; there are up to three.
 */
import { readFileSync } from "node:fs";
import { NftSocket } from "../../native-bindings/nftables/socket.js";
import { PacketFilterError } from "./errors.js";
import { type IptablesCommands, restoreTables, saveTables } from "./iptables-command.js";
import { compileIptables, type IptablesRule } from "./iptables-compile.js";
import {
  compareIptables,
  foundTexts,
  IPTABLES_TABLES,
  type IptablesState,
  restoreInput,
  wantedTexts,
} from "./iptables-plan.js";
import { parseIptablesSave, type SavedTables } from "./iptables-save.js";
import { splitByKernel } from "./kernel-families.js";
import type { PacketFilter, PacketRules, RuleDrift } from "./rules.js";
import { validateRules } from "./validate.js";

export const DEFAULT_CHAIN_PREFIX = "TSWARM";
/** The longest chain name is `PREFIX-FILTER-POSTROUTING`; the kernel takes 28 characters. */
const PREFIX = /^TSWARM(-[A-Z0-9]{1,2})?$/;
/** A look may be out of date when it is acted on: others write too. */
const TRIES = 3;
const MAX_REMEMBERED_LINES = 100_000;
const FAMILIES = ["ip", "ip6"] as const;
type IpFamily = (typeof FAMILIES)[number];

export interface IptablesFilterOptions {
  /** Begins the names of the chains: `TSWARM`, or `TSWARM-` and up to two letters or digits for a second, separate filter. */
  readonly chainPrefix?: string;
}

export class IptablesFilter implements PacketFilter {
  readonly name: "iptables-nft" | "iptables-legacy";
  readonly #commands: IptablesCommands;
  readonly #prefix: string;
  /** Lines once written, and how the flavour at hand prints those that it does not print as they were written. */
  readonly #written = new Set<string>();
  readonly #printedAs = new Map<string, string>();

  constructor(commands: IptablesCommands, options: IptablesFilterOptions = {}) {
    this.name = `iptables-${commands.flavour}`;
    this.#commands = commands;
    this.#prefix = options.chainPrefix ?? DEFAULT_CHAIN_PREFIX;
    if (!PREFIX.test(this.#prefix)) throw new RangeError(`chain prefix ${this.#prefix}: TSWARM or TSWARM-XX`);
  }

  /** @throws PacketRuleError, PacketFilterError */
  apply(wanted: PacketRules): { readonly changed: number } {
    validateRules(wanted);
    const { effective } = splitByKernel(wanted);
    return {
      changed: FAMILIES.reduce((sum, family) => sum + this.#applyFamily(family, ofFamily(effective, family)), 0),
    };
  }

  /** @throws PacketRuleError, PacketFilterError */
  observe(wanted: PacketRules): readonly RuleDrift[] {
    validateRules(wanted);
    const { effective, moot } = splitByKernel(wanted);
    const drift = FAMILIES.flatMap((family) => compareIptables(this.#state(family, ofFamily(effective, family))));
    return [...drift, ...moot];
  }

  /** @throws PacketFilterError */
  clear(): void {
    this.apply([]);
  }

  #applyFamily(family: IpFamily, wanted: readonly IptablesRule[]): number {
    let refusal: unknown;
    let refusedInput: string | undefined;
    for (let attempt = 0; attempt < TRIES; attempt++) {
      const state = this.#state(family, wanted);
      const changed = compareIptables(state).filter(({ state: drift }) => drift !== "present").length;
      if (changed === 0) return 0;
      const input = restoreInput(state);
      // Refused, and nothing has changed since: trying again would be refused again.
      if (input === refusedInput) break;
      try {
        restoreTables(this.#commands, family, input);
      } catch (error) {
        refusal = error;
        refusedInput = input;
        continue;
      }
      this.#remember(family, state);
      return changed;
    }
    throw refusal;
  }

  /**
   * Versions of iptables differ in how they print some rules. A line that was written before and now differs may be one that is
   * printed otherwise: it is read back, so that it is not taken for a change for ever.
   */
  #remember(family: IpFamily, before: IptablesState): void {
    const lines = wantedTexts({ ...before, printedAs: undefined });
    if (this.#written.size > MAX_REMEMBERED_LINES) this.#written.clear();
    const foundBefore = new Set(foundTexts(before).map(({ text }) => text));
    const doubtful = lines.filter(({ text }) => this.#written.has(text) && !foundBefore.has(text));
    for (const { text } of lines) this.#written.add(text);
    if (doubtful.length === 0) return;
    const found = foundTexts({ ...before, found: this.#look(family) });
    if (this.#printedAs.size > MAX_REMEMBERED_LINES) this.#printedAs.clear();
    for (const [index, { key, text }] of lines.entries()) {
      const printed = found[index];
      if (printed?.key !== key) {
        throw new PacketFilterError(
          `${this.name}: rule ${key} was written and is not there: ${printed?.text ?? "nothing"}`,
        );
      }
      if (printed.text === text) this.#printedAs.delete(text);
      else this.#printedAs.set(text, printed.text);
    }
  }

  #state(family: IpFamily, wanted: readonly IptablesRule[]): IptablesState {
    return { prefix: this.#prefix, wanted, found: this.#look(family), printedAs: this.#printedAs };
  }

  /** No program is started where no table of ours can be. */
  #look(family: IpFamily): SavedTables {
    const tables = this.#commands.flavour === "nft" ? nftTables(family) : legacyTables(family);
    if (!IPTABLES_TABLES.some((table) => tables.has(table))) return new Map();
    return parseIptablesSave(saveTables(this.#commands, family));
  }
}

function ofFamily(rules: PacketRules, family: IpFamily): IptablesRule[] {
  return compileIptables(rules.filter((rule) => (rule.family ?? "ip") === family));
}

/** The tables that the legacy flavour has made in this thread's namespace. */
function legacyTables(family: IpFamily): Set<string> {
  try {
    return new Set(readFileSync(`/proc/thread-self/net/${family}_tables_names`, "utf8").split("\n"));
  } catch (error) {
    // The kernel part is not loaded before the first use.
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return new Set();
    throw error;
  }
}

/** The tables that the nft flavour, or anyone else, has made in this thread's namespace. */
function nftTables(family: IpFamily): Set<string> {
  using socket = NftSocket.open();
  return new Set(socket.tables(family).map(({ table }) => table));
}
