/**
 * The nf_tables back-end: tables `ip tswarm` and `ip6 tswarm`, written over netlink. A look costs a few dumps; a change replaces the
 * table in one transaction, so a packet meets either all old or all new rules.
 */
import { NftBatch } from "../../native-bindings/nftables/batch.js";
import { decodeComment } from "../../native-bindings/nftables/comment.js";
import * as nft from "../../native-bindings/nftables/constants.js";
import { NftTransactionError } from "../../native-bindings/nftables/errors.js";
import { describeExpression } from "../../native-bindings/nftables/expression-text.js";
import type { SetElement, TableId } from "../../native-bindings/nftables/objects.js";
import { NftSocket } from "../../native-bindings/nftables/socket.js";
import { splitByKernel } from "./kernel-families.js";
import { compareTables, describePortSet, type FoundTable } from "./nftables-compare.js";
import { type CompiledTable, compileRules } from "./nftables-compile.js";
import { removeTable, writeTables } from "./nftables-write.js";
import type { PacketFilter, PacketRules, RuleDrift } from "./rules.js";
import { validateRules } from "./validate.js";

export const DEFAULT_TABLE = "tswarm";

const TRIES = 3;
const OUTDATED: ReadonlySet<string> = new Set(["ENOENT", "EEXIST", "EBUSY"]);

export interface NftablesFilterOptions {
  /** Name of the table in both families; whatever stands in it is this filter's. */
  readonly table?: string;
}

export class NftablesFilter implements PacketFilter {
  readonly name = "nftables";
  readonly #table: string;

  constructor(options: NftablesFilterOptions = {}) {
    this.#table = options.table ?? DEFAULT_TABLE;
  }

  /** @throws PacketRuleError, NftTransactionError, NetlinkError, NetlinkTransportError, SystemCallError */
  apply(wanted: PacketRules): { readonly changed: number } {
    validateRules(wanted);
    const compiled = compileRules(splitByKernel(wanted).effective);
    using socket = NftSocket.open();
    for (let attempt = 1; ; attempt++) {
      const found = this.#look(socket);
      const changed = compareTables(compiled, found).filter(({ state }) => state !== "present").length;
      if (changed === 0) return { changed };
      try {
        socket.commit(this.#changes(compiled, found));
        return { changed };
      } catch (error) {
        // Others may have written since the look: what was to be changed is gone, or is in the way.
        const outdated = error instanceof NftTransactionError && OUTDATED.has(error.code);
        if (!outdated || attempt === TRIES) throw error;
      }
    }
  }

  /** @throws PacketRuleError, NetlinkError, NetlinkTransportError, SystemCallError */
  observe(wanted: PacketRules): readonly RuleDrift[] {
    validateRules(wanted);
    const { effective, moot } = splitByKernel(wanted);
    using socket = NftSocket.open();
    return [...compareTables(compileRules(effective), this.#look(socket)), ...moot];
  }

  /** @throws NftTransactionError, NetlinkTransportError, SystemCallError */
  clear(): void {
    using socket = NftSocket.open();
    const batch = new NftBatch();
    for (const { family } of this.#ourTables(socket)) removeTable(batch, this.#id(family));
    socket.commit(batch);
  }

  #changes(compiled: readonly CompiledTable[], found: readonly FoundTable[]): NftBatch {
    const batch = new NftBatch();
    const unwanted = found.filter(({ family }) => !compiled.some((table) => table.family === family));
    for (const { family } of unwanted) removeTable(batch, this.#id(family));
    writeTables(batch, this.#table, compiled, found);
    return batch;
  }

  #id(family: "ip" | "ip6"): TableId & { readonly family: "ip" | "ip6" } {
    return { family, table: this.#table };
  }

  #ourTables(socket: NftSocket): { readonly family: "ip" | "ip6"; readonly dormant: boolean }[] {
    const tables = socket.tables();
    return (["ip", "ip6"] as const).flatMap((family) => {
      const table = tables.find((candidate) => candidate.family === family && candidate.table === this.#table);
      return table ? [{ family, dormant: ((table.flags ?? 0) & nft.NFT_TABLE_F_DORMANT) !== 0 }] : [];
    });
  }

  #look(socket: NftSocket): FoundTable[] {
    return this.#ourTables(socket).map(({ family, dormant }) => {
      const id = this.#id(family);
      const nameSet = (name: string) => describePortSet(keysOf(socket.elements({ ...id, name })));
      return {
        family,
        dormant,
        chains: socket.chains(family).filter(({ table }) => table === this.#table),
        rules: socket.rules(id).map(({ chain, handle, userdata, expressions }) => ({
          key: decodeComment(userdata) ?? `unknown:${chain}:${handle}`,
          chain,
          text: expressions.map((expression) => describeExpression(expression, nameSet)).join("; "),
        })),
      };
    });
  }
}

function keysOf(elements: readonly SetElement[]): Uint8Array[] {
  return elements.flatMap(({ key }) => (key ? [key] : []));
}
