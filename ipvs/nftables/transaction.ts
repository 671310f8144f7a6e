/** Table operations as an nf_tables batch. */

import { ipToBytes, parseIpv4 } from "../../native-bindings/address-text.js";
import { NftBatch } from "../../native-bindings/nftables/batch.js";
import { COMMENT_MAX_BYTES, encodeComment } from "../../native-bindings/nftables/comment.js";
import type { SetElement } from "../../native-bindings/nftables/objects.js";
import { PROTOCOL_NUMBERS, portOfKey } from "../published-port.js";
import { chainName, LAYOUTS, type Layout, shardName } from "./layout.js";
import type { Element, SetReference, TableChange, TableOperation } from "./table-plan.js";

/** All tables in one transaction. */
export function batchOf(changes: readonly TableChange[]): NftBatch {
  const batch = new NftBatch();
  for (const { family, operations } of changes) {
    for (const operation of operations) append(batch, LAYOUTS[family], operation);
  }
  return batch;
}

function append(batch: NftBatch, layout: Layout, operation: TableOperation): void {
  const { table, plainSets, plainChains } = layout;
  switch (operation.kind) {
    case "delete-table":
      batch.deleteTable(table);
      break;
    case "add-table":
      batch.addTable(table, { exclusive: true });
      for (const set of plainSets) batch.addSet(set);
      for (const { chain } of plainChains) batch.addChain(chain);
      for (const { chain, rules } of plainChains) {
        for (const expressions of rules) batch.addRule({ ...table, chain: chain.name, expressions });
      }
      break;
    case "add-shard":
      batch.addSet(layout.shardSet(operation.shard));
      break;
    case "delete-elements":
      inChunks(operation.elements, false, (chunk) => {
        batch.deleteElements({ ...table, name: setName(operation.set) }, chunk);
      });
      break;
    case "add-elements":
      inChunks(operation.elements, true, (chunk) => {
        batch.addElements({ ...table, name: setName(operation.set) }, chunk);
      });
      break;
    case "add-chain":
      batch.addChain({ ...table, name: chainName(operation.mark) });
      break;
    case "empty-chain":
      batch.flushChain({ ...table, name: chainName(operation.mark) });
      break;
    case "delete-chain":
      batch.deleteChain({ ...table, name: chainName(operation.mark) });
      break;
    case "add-rule":
      batch.addRule({
        ...table,
        chain: chainName(operation.mark),
        expressions: layout.serviceRule(operation.mark, operation.slots),
        userdata: comment(operation.id),
      });
      break;
  }
}

function setName(set: SetReference): string {
  return typeof set === "number" ? shardName(set) : set;
}

/**
 * A batch copies what it is given, so the bytes of one chunk's elements serve the next one: thousands of small buffers would
 * cost as much as the kernel's own work.
 */
const CHUNK = 256;

type Scratch = { -readonly [K in keyof SetElement]: SetElement[K] };

const scratch: readonly {
  readonly element: Scratch;
  readonly short: Buffer;
  readonly long: Buffer;
  readonly value: Buffer;
  readonly address6: Buffer;
  readonly value6: Buffer;
}[] = Array.from({ length: CHUNK }, () => ({
  element: {},
  short: Buffer.alloc(4),
  long: Buffer.alloc(8),
  value: Buffer.alloc(4),
  address6: Buffer.alloc(16),
  value6: Buffer.alloc(16),
}));

function inChunks(
  elements: readonly Element[],
  withValues: boolean,
  take: (chunk: readonly SetElement[]) => void,
): void {
  for (let start = 0; start < elements.length; start += CHUNK) {
    const end = Math.min(start + CHUNK, elements.length);
    const chunk: SetElement[] = [];
    for (let index = start; index < end; index++) chunk.push(encode(elements[index]!, index - start, withValues));
    take(chunk);
  }
}

function encode({ key, value }: Element, place: number, withValue: boolean): SetElement {
  const { element, short, long, address6, value: bytes, value6 } = scratch[place]!;
  element.key = encodeKey(key, short, long, address6);
  element.value = undefined;
  element.verdict = undefined;
  if (!withValue || value === undefined) return element;
  if (typeof value === "number") element.verdict = { kind: "goto", chain: chainName(value) };
  else element.value = encodeAddress(value, bytes, value6);
  return element;
}

/** The inverse stands in kernel-table.ts. */
function encodeKey(key: string | number, short: Buffer, long: Buffer, address6: Buffer): Buffer {
  if (typeof key === "number") {
    short.writeUInt32LE(key);
    return short;
  }
  if (!key.includes("/")) return encodeAddress(key, short, address6);
  const { protocol, port } = portOfKey(key);
  long[0] = PROTOCOL_NUMBERS[protocol];
  long.writeUInt16BE(port, 4);
  return long;
}

function encodeAddress(address: string, bytes: Buffer, bytes6: Buffer): Buffer {
  if (address.includes(":")) {
    bytes6.set(ipToBytes(address));
    return bytes6;
  }
  bytes.writeUInt32BE(parseIpv4(address));
  return bytes;
}

/** The id for people who list the table; a long one is cut. */
function comment(id: string): Buffer {
  const text = Buffer.from(id)
    .subarray(0, COMMENT_MAX_BYTES - 1)
    .toString("utf8");
  return encodeComment(text.replace(/�+$/u, ""));
}
