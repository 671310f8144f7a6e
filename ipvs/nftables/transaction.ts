/** Table operations as an nf_tables batch. */

import { parseIpv4 } from "../../native-bindings/address-text.js";
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
      inChunks(operation.elements, false, (chunk) => {
        batch.deleteElements({ ...TABLE, name: setName(operation.set) }, chunk);
      });
      break;
    case "add-elements":
      inChunks(operation.elements, true, (chunk) => {
        batch.addElements({ ...TABLE, name: setName(operation.set) }, chunk);
      });
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
}[] = Array.from({ length: CHUNK }, () => ({
  element: {},
  short: Buffer.alloc(4),
  long: Buffer.alloc(8),
  value: Buffer.alloc(4),
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
  const { element, short, long, value: bytes } = scratch[place]!;
  element.key = encodeKey(key, short, long);
  element.value = undefined;
  element.verdict = undefined;
  if (!withValue || value === undefined) return element;
  if (typeof value === "number") element.verdict = { kind: "goto", chain: chainName(value) };
  else {
    bytes.writeUInt32BE(parseIpv4(value));
    element.value = bytes;
  }
  return element;
}

/** The inverse stands in kernel-table.ts. */
function encodeKey(key: string | number, short: Buffer, long: Buffer): Buffer {
  if (typeof key === "number") {
    short.writeUInt32LE(key);
    return short;
  }
  if (!key.includes("/")) {
    short.writeUInt32BE(parseIpv4(key));
    return short;
  }
  const { protocol, port } = portOfKey(key);
  long[0] = PROTOCOL_NUMBERS[protocol];
  long.writeUInt16BE(port, 4);
  return long;
}

/** The id for people who list the table; a long one is cut. */
function comment(id: string): Buffer {
  const text = Buffer.from(id)
    .subarray(0, COMMENT_MAX_BYTES - 1)
    .toString("utf8");
  return encodeComment(text.replace(/�+$/u, ""));
}
