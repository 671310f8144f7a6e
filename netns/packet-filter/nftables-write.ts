/** Compiled tables → messages of one transaction. */
import type { NftBatch } from "../../native-bindings/nftables/batch.js";
import * as nft from "../../native-bindings/nftables/constants.js";
import { concatenatedType, type TableId } from "../../native-bindings/nftables/objects.js";
import { describeHook, type FoundTable } from "./nftables-compare.js";
import { type CompiledTable, keyUserdata } from "./nftables-compile.js";
import { PORT_SET_NAME, type PortSet, portKey } from "./nftables-match.js";

/** Removes the table, there or not: adding it first makes the deletion work in both cases. */
export function removeTable(batch: NftBatch, table: TableId): void {
  batch.addTable(table).deleteTable(table);
}

/**
 * Makes the tables under one name be as compiled. Chains that can stay do: the kernel puts a new chain in front of the old one at
 * the same hook, and a packet between the two at the moment of the commit would meet the rules of neither. Rules within a chain
 * change for all packets at once.
 * @param found what stands under the name now
 */
export function writeTables(
  batch: NftBatch,
  name: string,
  tables: readonly CompiledTable[],
  found: readonly FoundTable[],
): void {
  let setId = 0;
  for (const table of tables) {
    const id = { family: table.family, table: name };
    const there = found.find(({ family }) => family === table.family);
    prepareChains(batch, id, table, there);
    for (const { key, chain, expressions, portSet } of table.rules) {
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

/** Leaves the wanted chains, at their hooks and without rules. */
function prepareChains(batch: NftBatch, id: TableId, wanted: CompiledTable, there: FoundTable | undefined): void {
  const usable = there && !there.dormant;
  if (usable) batch.flushTable(id);
  else removeTable(batch, id);
  batch.addTable(id);
  const kept = new Map((usable ? there.chains : []).map((chain) => [chain.name, chain]));
  for (const [name, chain] of kept) {
    if (wanted.chains.has(name) && describeHook(wanted.chains.get(name)) === describeHook(chain.base)) continue;
    batch.deleteChain({ ...id, name });
    kept.delete(name);
  }
  for (const [name, base] of wanted.chains) {
    const samePolicy = (kept.get(name)?.base?.policy ?? "accept") === "accept";
    if (!kept.has(name) || !samePolicy) batch.addChain({ ...id, name, ...(base ? { base } : {}) });
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
