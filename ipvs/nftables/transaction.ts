/** Table operations as an nf_tables batch. */

import { ipToBytes } from "../../native-bindings/address-text.js";
import { NftBatch } from "../../native-bindings/nftables/batch.js";
import { COMMENT_MAX_BYTES, encodeComment } from "../../native-bindings/nftables/comment.js";
import type { SetElement } from "../../native-bindings/nftables/objects.js";
import { PROTOCOL_NUMBERS, portOfKey } from "../published-port.js";
import { chainName, PLAIN_CHAINS, PLAIN_SETS, serviceRule, shardName, shardSet, TABLE } from "./layout.js";
import type { Element, SetReference, TableOperation } from "./table-plan.js";

export function batchOf(operations: readonly TableOperation[]): NftBatch {
  const batch = new NftBatch();
  for (const operation of operations) append(batch, operation);
  return batch;
}

function append(batch: NftBatch, operation: TableOperation): void {
  switch (operation.kind) {
    case "delete-table":
      batch.deleteTable(TABLE);
      break;
    case "add-table":
      batch.addTable(TABLE, { exclusive: true });
      for (const set of PLAIN_SETS) batch.addSet(set);
      for (const { chain } of PLAIN_CHAINS) batch.addChain(chain);
      for (const { chain, rules } of PLAIN_CHAINS) {
        for (const expressions of rules) batch.addRule({ ...TABLE, chain: chain.name, expressions });
      }
      break;
    case "add-shard":
      batch.addSet(shardSet(operation.shard));
      break;
    case "delete-elements":
      batch.deleteElements({ ...TABLE, name: setName(operation.set) }, operation.elements.map(encodeKey));
      break;
    case "add-elements":
      batch.addElements({ ...TABLE, name: setName(operation.set) }, operation.elements.map(encodeElement));
      break;
    case "add-chain":
      batch.addChain({ ...TABLE, name: chainName(operation.mark) });
      break;
    case "empty-chain":
      batch.flushChain({ ...TABLE, name: chainName(operation.mark) });
      break;
    case "delete-chain":
      batch.deleteChain({ ...TABLE, name: chainName(operation.mark) });
      break;
    case "add-rule":
      batch.addRule({
        ...TABLE,
        chain: chainName(operation.mark),
        expressions: serviceRule(operation.mark, operation.slots),
        userdata: comment(operation.id),
      });
      break;
  }
}

function setName(set: SetReference): string {
  return typeof set === "number" ? shardName(set) : set;
}

function encodeKey({ key }: Element): SetElement {
  return { key: keyBytes(key) };
}

function encodeElement({ key, value }: Element): SetElement {
  if (value === undefined) return { key: keyBytes(key) };
  if (typeof value === "number") return { key: keyBytes(key), verdict: { kind: "goto", chain: chainName(value) } };
  return { key: keyBytes(key), value: ipToBytes(value) };
}

/** The inverse stands in kernel-table.ts. */
function keyBytes(key: string | number): Buffer {
  if (typeof key === "number") {
    const bytes = Buffer.allocUnsafe(4);
    bytes.writeUInt32LE(key);
    return bytes;
  }
  if (!key.includes("/")) return ipToBytes(key);
  const { protocol, port } = portOfKey(key);
  return Buffer.of(PROTOCOL_NUMBERS[protocol], 0, 0, 0, port >> 8, port & 0xff, 0, 0);
}

/** The id for people who list the table; a long one is cut. */
function comment(id: string): Buffer {
  const text = Buffer.from(id)
    .subarray(0, COMMENT_MAX_BYTES - 1)
    .toString("utf8");
  return encodeComment(text.replace(/�+$/u, ""));
}
