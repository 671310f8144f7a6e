/**
 * One nf_tables transaction: all of its changes happen, or none.
 *
 * ```
 * BATCH_BEGIN(0x10, resource id 10) | message 0x0a00|command … | BATCH_END(0x11)
 * ```
 * Every message is `struct nfgenmsg` and attributes; every integer in an attribute is big endian. Attributes come in the order
 * in which nft(8) sends them, so that captured bytes compare.
 */
import {
  NLM_F_ACK,
  NLM_F_APPEND,
  NLM_F_CREATE,
  NLM_F_EXCL,
  NLM_F_REPLACE,
  NLM_F_REQUEST,
} from "../netlink/constants.js";
import { MessageWriter } from "../netlink/message-writer.js";
import * as nft from "./constants.js";
import { writeElementList } from "./element-codec.js";
import type { Expression } from "./expression.js";
import { writeExpression } from "./expression-writer.js";
import {
  type Chain,
  FAMILIES,
  type Family,
  HOOKS,
  type Rule,
  type SetDefinition,
  type SetElement,
  type Table,
  type TableId,
} from "./objects.js";

const REMOVALS: ReadonlySet<number> = new Set([
  nft.NFT_MSG_DELTABLE,
  nft.NFT_MSG_DELCHAIN,
  nft.NFT_MSG_DELRULE,
  nft.NFT_MSG_DELSET,
  nft.NFT_MSG_DELSETELEM,
]);
const VERDICT_ACCEPT = 1;
const VERDICT_DROP = 0;

export interface CreateOptions {
  /** Fail with EEXIST when it is there already. */
  readonly exclusive?: boolean;
}

export interface AddRuleOptions {
  /** `append` (default) goes to the end or behind `position`; `insert` to the front or before `position`. */
  readonly place?: "append" | "insert";
  /** Replaces the rule with this handle. */
  readonly replaces?: bigint;
}

export class NftBatch {
  readonly #writer = new MessageWriter(4096);
  readonly #operations: string[] = ["begin transaction"];
  #lastMessageAt = 0;
  #finished = false;
  #removes = false;

  constructor() {
    this.#writeControl(nft.NFNL_MSG_BATCH_BEGIN);
  }

  /** Messages so far, without the batch's own two. */
  get messageCount(): number {
    return this.#operations.length - 1;
  }

  /** Whether anything is deleted or replaced: the kernel frees it some time after the commit. */
  get removes(): boolean {
    return this.#removes;
  }

  /** Names the i-th message of {@link finish}, for error texts. The kernel reports a failed commit at message 0. */
  operation(index: number): string {
    return index === 0 ? "commit" : (this.#operations[index] ?? "end transaction");
  }

  /** Ends the batch: marks the last change to be acknowledged. @returns the writer, to be sent as one datagram */
  finish(): MessageWriter {
    if (!this.#finished) {
      this.#finished = true;
      const bytes = this.#writer.bytes();
      if (this.messageCount > 0) {
        const flagsAt = this.#lastMessageAt + 6;
        bytes.writeUInt16LE(bytes.readUInt16LE(flagsAt) | NLM_F_ACK, flagsAt);
      }
      this.#writeControl(nft.NFNL_MSG_BATCH_END);
    }
    return this.#writer;
  }

  addTable(table: Table, options: CreateOptions = {}): this {
    const flags = options.exclusive ? NLM_F_CREATE | NLM_F_EXCL : 0;
    const writer = this.#begin("add table", table, nft.NFT_MSG_NEWTABLE, flags);
    return this.#end(writer.attrString(1, table.table).attrU32be(2, table.flags ?? 0));
  }

  deleteTable(table: TableId): this {
    const writer = this.#begin("delete table", table, nft.NFT_MSG_DELTABLE, 0);
    return this.#end(writer.attrString(1, table.table));
  }

  addChain(chain: Chain, options: CreateOptions = {}): this {
    const writer = this.#begin("add chain", chain, nft.NFT_MSG_NEWCHAIN, createFlags(options), chain.name);
    writer.attrString(1, chain.table).attrString(3, chain.name);
    const { base } = chain;
    if (base) {
      writer.attrString(7, base.type);
      if (base.policy) writer.attrU32be(5, base.policy === "drop" ? VERDICT_DROP : VERDICT_ACCEPT);
      const hook = writer.nestBegin(4);
      writer.attrU32be(1, HOOKS[base.hook]).attrU32be(2, base.priority);
      writer.nestEnd(hook);
    }
    return this.#end(writer);
  }

  deleteChain(chain: TableId & { readonly name: string }): this {
    const writer = this.#begin("delete chain", chain, nft.NFT_MSG_DELCHAIN, 0, chain.name);
    return this.#end(writer.attrString(1, chain.table).attrString(3, chain.name));
  }

  addRule(rule: Rule, options: AddRuleOptions = {}): this {
    const { replaces } = options;
    const flags =
      replaces !== undefined ? NLM_F_REPLACE : NLM_F_CREATE | (options.place === "insert" ? 0 : NLM_F_APPEND);
    const writer = this.#begin(replaces ? "replace rule" : "add rule", rule, nft.NFT_MSG_NEWRULE, flags, rule.chain);
    writer.attrString(1, rule.table).attrString(2, rule.chain);
    if (replaces !== undefined) writer.attrU64be(3, replaces);
    writeExpressionList(writer, 4, rule.expressions);
    if (rule.position !== undefined) writer.attrU64be(6, rule.position);
    if (rule.userdata) writer.attrBytes(7, rule.userdata);
    return this.#end(writer);
  }

  deleteRule(rule: TableId & { readonly chain: string; readonly handle: bigint }): this {
    const writer = this.#begin("delete rule", rule, nft.NFT_MSG_DELRULE, 0, rule.chain);
    return this.#end(writer.attrString(1, rule.table).attrString(2, rule.chain).attrU64be(3, rule.handle));
  }

  /** Deletes every rule of a chain. */
  flushChain(chain: TableId & { readonly name: string }): this {
    const writer = this.#begin("flush chain", chain, nft.NFT_MSG_DELRULE, 0, chain.name);
    return this.#end(writer.attrString(1, chain.table).attrString(2, chain.name));
  }

  /** Deletes every rule of a table. */
  flushTable(table: TableId): this {
    const writer = this.#begin("flush table", table, nft.NFT_MSG_DELRULE, 0);
    return this.#end(writer.attrString(1, table.table));
  }

  addSet(set: SetDefinition, options: CreateOptions = {}): this {
    const writer = this.#begin("add set", set, nft.NFT_MSG_NEWSET, createFlags(options), set.name);
    writer.attrString(1, set.table).attrString(2, set.name).attrU32be(3, set.flags);
    writer.attrU32be(4, set.keyType).attrU32be(5, set.keyLength);
    if (set.dataType !== undefined) writer.attrU32be(6, set.dataType).attrU32be(7, set.dataLength ?? 0);
    writer.attrU32be(10, set.id ?? this.#operations.length);
    if (set.size !== undefined || set.fieldLengths) writeDescription(writer, set);
    if (set.userdata) writer.attrBytes(13, set.userdata);
    return this.#end(writer);
  }

  deleteSet(set: TableId & { readonly name: string }): this {
    const writer = this.#begin("delete set", set, nft.NFT_MSG_DELSET, 0, set.name);
    return this.#end(writer.attrString(1, set.table).attrString(2, set.name));
  }

  /** Adds elements, in as many messages as they need. Adding one that is there with the same value changes nothing. */
  addElements(set: ElementTarget, elements: readonly SetElement[], options: CreateOptions = {}): this {
    return this.#elements("add elements to", set, elements, nft.NFT_MSG_NEWSETELEM, createFlags(options));
  }

  /** Deletes elements by key. A missing one fails the transaction with ENOENT. */
  deleteElements(set: ElementTarget, elements: readonly SetElement[]): this {
    return this.#elements("delete elements of", set, elements, nft.NFT_MSG_DELSETELEM, 0);
  }

  /** Deletes every element. */
  flushSet(set: TableId & { readonly name: string }): this {
    const writer = this.#begin("flush set", set, nft.NFT_MSG_DELSETELEM, 0, set.name);
    return this.#end(writer.attrString(2, set.name).attrString(1, set.table));
  }

  #elements(verb: string, set: ElementTarget, elements: readonly SetElement[], command: number, flags: number): this {
    for (let next = 0; next < elements.length; ) {
      const writer = this.#begin(verb, set, command, flags, set.name);
      writer.attrString(1, set.table).attrString(2, set.name);
      if (set.id !== undefined) writer.attrU32be(4, set.id);
      next = writeElementList(writer, elements, next);
      this.#end(writer);
    }
    return this;
  }

  #begin(verb: string, target: TableId, command: number, flags: number, name = ""): MessageWriter {
    if (this.#finished) throw new Error("the batch is finished");
    this.#operations.push(`${verb} ${target.family} ${target.table}${name === "" ? "" : ` ${name}`}`);
    this.#lastMessageAt = this.#writer.length;
    this.#removes ||= REMOVALS.has(command) || (flags & NLM_F_REPLACE) !== 0;
    return beginNftMessage(this.#writer, command, flags | NLM_F_REQUEST, target.family);
  }

  #end(writer: MessageWriter): this {
    writer.end();
    return this;
  }

  #writeControl(type: number): void {
    this.#writer.begin(type, NLM_F_REQUEST).u8(0).u8(0).u16be(nft.NFNL_SUBSYS_NFTABLES).end();
  }
}

/** Where elements go; `id` when the set is made in the same batch. */
export type ElementTarget = TableId & { readonly name: string; readonly id?: number };

/** Starts an nf_tables message: netlink header and struct nfgenmsg. `family` undefined: all of them (dumps). */
export function beginNftMessage(
  writer: MessageWriter,
  command: number,
  flags: number,
  family: Family | undefined,
): MessageWriter {
  return writer
    .begin((nft.NFNL_SUBSYS_NFTABLES << 8) | command, flags)
    .u8(family === undefined ? 0 : FAMILIES[family])
    .u8(0)
    .u16be(0);
}

function createFlags(options: CreateOptions): number {
  return NLM_F_CREATE | (options.exclusive ? NLM_F_EXCL : 0);
}

function writeExpressionList(writer: MessageWriter, attribute: number, expressions: readonly Expression[]): void {
  const list = writer.nestBegin(attribute);
  for (const expression of expressions) writeExpression(writer, expression);
  writer.nestEnd(list);
}

/** `NFTA_SET_DESC(9) { SIZE(1), CONCAT(2) { list element(1) { FIELD_LEN(1) } … } }` */
function writeDescription(writer: MessageWriter, set: SetDefinition): void {
  const description = writer.nestBegin(9);
  if (set.size !== undefined) writer.attrU32be(1, set.size);
  if (set.fieldLengths) {
    const fields = writer.nestBegin(2);
    for (const length of set.fieldLengths) {
      const field = writer.nestBegin(1);
      writer.attrU32be(1, length);
      writer.nestEnd(field);
    }
    writer.nestEnd(fields);
  }
  writer.nestEnd(description);
}
