/** Compiled tables → messages of one transaction. */
import type { NftBatch } from "../../native-bindings/nftables/batch.js";
import * as nft from "../../native-bindings/nftables/constants.js";
import { concatenatedType, type TableId } from "../../native-bindings/nftables/objects.js";
import { type CompiledTable, keyUserdata } from "./nftables-compile.js";
import { PORT_SET_NAME, type PortSet, portKey } from "./nftables-match.js";

/** Removes the table, there or not: adding it first makes the deletion work in both cases. */
export function removeTable(batch: NftBatch, table: TableId): void {
  batch.addTable(table).deleteTable(table);
}

/** Makes the tables under one name, in place of what stood under it. */
export function replaceTables(batch: NftBatch, name: string, tables: readonly CompiledTable[]): void {
  let setId = 0;
  for (const { family, chains, rules } of tables) {
    const id = { family, table: name };
    removeTable(batch, id);
    batch.addTable(id);
    for (const [chain, base] of chains) batch.addChain({ ...id, name: chain, ...(base ? { base } : {}) });
    for (const { key, chain, expressions, portSet } of rules) {
      const userdata = keyUserdata(key);
      if (!portSet) {
        batch.addRule({ ...id, chain, expressions, userdata });
        continue;
      }
      const ownSet = ++setId;
      addPortSet(batch, id, ownSet, portSet);
      const withSet = expressions.map((step) => (step.kind === "lookup" ? { ...step, setId: ownSet } : step));
      batch.addRule({ ...id, chain, expressions: withSet, userdata });
    }
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
