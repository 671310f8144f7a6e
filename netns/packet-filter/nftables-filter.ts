/**
 * The nf_tables back-end: tables `ip tswarm` and `ip6 tswarm`, written over netlink. A look costs a few dumps; a change replaces the
 * table in one transaction, so a packet meets either all old or all new rules.
 */
import { NftBatch } from "../../native-bindings/nftables/batch.js";
import { decodeComment } from "../../native-bindings/nftables/comment.js";
import * as nft from "../../native-bindings/nftables/constants.js";
import { describeExpression } from "../../native-bindings/nftables/expression-text.js";
import { concatenatedType, type SetElement, type TableId } from "../../native-bindings/nftables/objects.js";
import { NftSocket } from "../../native-bindings/nftables/socket.js";
import { compareTables, describePortSet, type FoundTable } from "./nftables-compare.js";
import { type CompiledTable, compileRules, keyUserdata } from "./nftables-compile.js";
import { PORT_SET_NAME, type PortSet, portKey } from "./nftables-match.js";
import type { PacketFilter, PacketRules, RuleDrift } from "./rules.js";
import { validateRules } from "./validate.js";

export const DEFAULT_TABLE = "tswarm";

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
    const compiled = compileRules(wanted);
    using socket = NftSocket.open();
    const found = this.#look(socket);
    const changed = compareTables(compiled, found).filter(({ state }) => state !== "present").length;
    if (changed > 0) socket.commit(this.#replacement(compiled, found));
    return { changed };
  }

  /** @throws PacketRuleError, NetlinkError, NetlinkTransportError, SystemCallError */
  observe(wanted: PacketRules): readonly RuleDrift[] {
    validateRules(wanted);
    using socket = NftSocket.open();
    return compareTables(compileRules(wanted), this.#look(socket));
  }

  /** @throws NftTransactionError, NetlinkTransportError, SystemCallError */
  clear(): void {
    using socket = NftSocket.open();
    const batch = new NftBatch();
    for (const { family } of this.#ourTables(socket)) this.#removeTable(batch, family);
    socket.commit(batch);
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

  /** Adding before deleting makes the deletion work whether or not the table is still there. */
  #removeTable(batch: NftBatch, family: "ip" | "ip6"): void {
    batch.addTable(this.#id(family)).deleteTable(this.#id(family));
  }

  #replacement(wanted: readonly CompiledTable[], found: readonly FoundTable[]): NftBatch {
    const batch = new NftBatch();
    for (const { family } of found) this.#removeTable(batch, family);
    let setId = 0;
    for (const { family, chains, rules } of wanted) {
      const id = this.#id(family);
      if (!found.some((table) => table.family === family)) this.#removeTable(batch, family);
      batch.addTable(id);
      for (const [name, base] of chains) batch.addChain({ ...id, name, ...(base ? { base } : {}) });
      for (const { key, chain, expressions, portSet } of rules) {
        if (portSet) addPortSet(batch, id, ++setId, portSet);
        const ownSet = setId;
        batch.addRule({
          ...id,
          chain,
          expressions: portSet
            ? expressions.map((step) => (step.kind === "lookup" ? { ...step, setId: ownSet } : step))
            : expressions,
          userdata: keyUserdata(key),
        });
      }
    }
    return batch;
  }
}

function addPortSet(batch: NftBatch, table: TableId, setId: number, { protocol, ports }: PortSet): void {
  const set = { ...table, name: PORT_SET_NAME, id: setId };
  batch
    .addSet({
      ...set,
      flags: nft.NFT_SET_ANONYMOUS | nft.NFT_SET_CONSTANT,
      keyType: concatenatedType(nft.KEY_TYPE_INET_PROTOCOL, nft.KEY_TYPE_INET_SERVICE),
      keyLength: 8,
      size: ports.length,
    })
    .addElements(
      set,
      ports.map((port) => ({ key: portKey(protocol, port) })),
    );
}

function keysOf(elements: readonly SetElement[]): Uint8Array[] {
  return elements.flatMap(({ key }) => (key ? [key] : []));
}
