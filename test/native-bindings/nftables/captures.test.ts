import { readFileSync } from "node:fs";
import test, { type ExecutionContext } from "ava";
import { type NetlinkMessage, parseMessages } from "../../../native-bindings/netlink/message-reader.js";
import { NftBatch } from "../../../native-bindings/nftables/batch.js";
import * as nft from "../../../native-bindings/nftables/constants.js";
import { slot } from "../../../native-bindings/nftables/expression.js";
import {
  parseChain,
  parseElements,
  parseRule,
  parseSet,
  parseTable,
} from "../../../native-bindings/nftables/object-reader.js";
import { concatenatedType, type Rule } from "../../../native-bindings/nftables/objects.js";
import { CAPTURED_RULES, hex, port, T1 } from "./captured-rules.js";

interface Captures {
  readonly cases: readonly { readonly name: string; readonly command: string; readonly request_hex: string }[];
  readonly dumps: Readonly<Record<"tables" | "chains" | "rules" | "sets" | "elements", readonly string[]>>;
}

const captures = JSON.parse(
  readFileSync(new URL("../../../../test/data/nftables/captures.json", import.meta.url), "utf8"),
) as Captures;

const BATCHES: Readonly<Record<string, (batch: NftBatch) => NftBatch>> = {
  nft_table: (batch) => batch.addTable(T1),
  nft_del: (batch) => batch.deleteTable(T1),
  base_chains: (batch) =>
    batch
      .addTable(T1)
      .addChain({
        ...T1,
        name: "pre",
        base: { type: "nat", hook: "prerouting", priority: nft.PRIORITY_NAT_DESTINATION, policy: "accept" },
      })
      .addChain({ ...T1, name: "out", base: { type: "nat", hook: "output", priority: -100 } })
      .addChain({ ...T1, name: "post", base: { type: "nat", hook: "postrouting", priority: nft.PRIORITY_NAT_SOURCE } })
      .addChain({ ...T1, name: "mangle", base: { type: "filter", hook: "prerouting", priority: nft.PRIORITY_MANGLE } })
      .addChain({ ...T1, name: "mout", base: { type: "route", hook: "output", priority: -150 } })
      .addChain({
        ...T1,
        name: "fin",
        base: { type: "filter", hook: "input", priority: nft.PRIORITY_FILTER, policy: "drop" },
      })
      .addChain({ ...T1, name: "svc" })
      .addTable({ family: "ip6", table: "t6" })
      .addChain({
        family: "ip6",
        table: "t6",
        name: "fin",
        base: { type: "filter", hook: "input", priority: nft.PRIORITY_FILTER },
      }),
  flush_chain: (batch) => batch.flushChain({ ...T1, name: "pre" }),
  flush_set: (batch) => batch.flushSet({ ...T1, name: "p" }),
  delete_chain: (batch) => batch.deleteChain({ ...T1, name: "svc" }),
  delete_set: (batch) => batch.deleteSet({ ...T1, name: "p" }),
  delete_rule: (batch) => batch.deleteRule({ ...T1, chain: "svc", handle: 8n }),
  insert_rule: (batch) =>
    batch.addRule(
      { ...T1, chain: "svc", position: 8n, expressions: [{ kind: "verdict", verdict: { kind: "drop" } }] },
      { place: "insert" },
    ),
  replace_rule: (batch) =>
    batch.addRule(
      { ...T1, chain: "svc", expressions: [{ kind: "verdict", verdict: { kind: "drop" } }] },
      { replaces: 8n },
    ),
  delete_element: (batch) => batch.deleteElements({ ...T1, name: "p" }, [{ key: port(80) }]),
  nft_elem: (batch) =>
    batch.addElements({ ...T1, name: "svc", id: 1 }, [
      { key: hex("0a000009 06000000 00500000"), verdict: { kind: "goto", chain: "s1" } },
    ]),
};

for (const [name, rule] of Object.entries(CAPTURED_RULES)) {
  test(`${name}: the bytes that nft sends`, (t) => {
    sameMessages(t, new NftBatch().addRule(rule), requestOf(name));
  });
}

for (const [name, build] of Object.entries(BATCHES)) {
  test(`${name}: the bytes that nft sends`, (t) => {
    sameMessages(t, build(new NftBatch()), requestOf(name));
  });
}

test("every capture reads and writes back to the same bytes", (t) => {
  for (const { name, request_hex } of captures.cases) {
    const request = parseMessages(Buffer.from(request_hex, "hex"));
    if (request.some((message) => REMOVALS_BY_NAME.has(message.type & 0xff) && message.type > 0xff)) continue;
    if (name === "flush_set") continue;
    const batch = new NftBatch();
    for (const message of request) rewrite(batch, message);
    sameMessages(t, batch, request, name);
  }
});

test("rules in the kernel's dump read as the rules that were written", (t) => {
  const dumped = captures.dumps.rules.map((text) => parseRule(messageOf(text)));
  for (const [name, rule] of Object.entries(CAPTURED_RULES)) {
    const found = dumped.filter((candidate) => candidate.chain === rule.chain && candidate.family === rule.family);
    const expected = withoutUnreturned(rule);
    t.true(
      found.some((candidate) => JSON.stringify(withoutUnreturned(candidate)) === JSON.stringify(expected)),
      `${name} is not in the dump:\n${found.map((rule) => JSON.stringify(withoutUnreturned(rule))).join("\n")}\nwanted\n${JSON.stringify(expected)}`,
    );
  }
  t.false(dumped.some(({ expressions }) => expressions.some(({ kind }) => kind === "unknown")));
});

test("tables, chains, sets and elements in the kernel's dump", (t) => {
  t.deepEqual(
    captures.dumps.tables.map((text) => parseTable(messageOf(text)).table),
    ["t1", "t6"],
  );
  const chains = captures.dumps.chains.map((text) => parseChain(messageOf(text)));
  t.deepEqual(chains.find(({ name }) => name === "mangle")?.base, {
    type: "filter",
    hook: "prerouting",
    priority: -150,
    policy: "accept",
  });
  t.is(chains.find(({ name }) => name === "fin")?.base?.policy, "drop");
  t.is(chains.find(({ name }) => name === "mout")?.base?.type, "route");
  t.is(chains.find(({ name }) => name === "svc")?.base, undefined);
  const sets = captures.dumps.sets.map((text) => parseSet(messageOf(text)));
  const eps = sets.find(({ name }) => name === "eps");
  t.is(eps?.keyType, concatenatedType(nft.KEY_TYPE_IPV4_ADDRESS, nft.KEY_TYPE_MARK));
  t.is(eps?.keyLength, 8);
  t.is(sets.find(({ name }) => name === "ports")?.size, 1000);
  t.is(sets.find(({ name }) => name === "vips")?.dataType, nft.NFT_DATA_VERDICT);
  const elements = captures.dumps.elements.map((text) => parseElements(messageOf(text)));
  t.deepEqual(elements.find(({ set }) => set === "eps")?.elements, [
    { key: hex("0a000009 01000000"), value: hex("0a010001") },
  ]);
  t.deepEqual(
    elements
      .filter(({ set }) => set === "vips")
      .flatMap(({ elements: list }) => list.map(({ verdict }) => verdict?.kind))
      .sort(),
    ["drop", "goto"],
  );
});

test("registers have the numbers that the kernel prints", (t) => {
  t.deepEqual([0, 1, 2, 3, 4, 8, 12, 15].map(slot), [1, 9, 10, 11, 2, 3, 4, 23]);
});

test("an element list larger than an attribute travels in several messages", (t) => {
  const elements = Array.from({ length: 10_000 }, (_, index) => ({ key: port(index) }));
  const messages = parseMessages(
    new NftBatch()
      .addElements({ ...T1, name: "p" }, elements)
      .finish()
      .bytes(),
  );
  t.true(messages.length > 4);
  const read = messages.slice(1, -1).flatMap((message) => parseElements(message).elements);
  t.deepEqual(read, elements);
});

/** Deletions by name alone have no reader: nothing dumps them. */
const REMOVALS_BY_NAME = new Set([nft.NFT_MSG_DELCHAIN, nft.NFT_MSG_DELRULE, nft.NFT_MSG_DELSET]);

function requestOf(name: string): NetlinkMessage[] {
  const found = captures.cases.find((candidate) => candidate.name === name);
  if (!found) throw new Error(`no capture ${name}`);
  return parseMessages(Buffer.from(found.request_hex, "hex"));
}

function messageOf(text: string): NetlinkMessage {
  return parseMessages(Buffer.from(text, "hex"))[0]!;
}

/**
 * Compares message by message. Only the wish for an acknowledgement differs; and nft names a bitwise operation's default (0) in
 * some rules and not in others, so rules with it are compared as they read.
 */
function sameMessages(t: ExecutionContext, batch: NftBatch, request: readonly NetlinkMessage[], name = ""): void {
  const written = parseMessages(batch.finish().bytes());
  t.is(written.length, request.length, name);
  for (const [index, message] of written.entries()) {
    const expected = request[index]!;
    const last = index === written.length - 2;
    t.is(message.type, expected.type, name);
    t.is(message.flags, expected.flags | (last ? 4 : 0), `${name}: flags of message ${index}`);
    if (expected.payload.includes(DEFAULT_OPERATION)) t.deepEqual(parseRule(message), parseRule(expected), name);
    else t.is(message.payload.toString("hex"), expected.payload.toString("hex"), `${name}: message ${index}`);
  }
}

/** `NFTA_BITWISE_OP 0` in front of `NFTA_BITWISE_LEN`. */
const DEFAULT_OPERATION = hex("08000600 00000000 08000300");

function rewrite(batch: NftBatch, message: NetlinkMessage): void {
  const options = { exclusive: (message.flags & 0x200) !== 0 };
  switch (message.type) {
    case nft.NFNL_MSG_BATCH_BEGIN:
    case nft.NFNL_MSG_BATCH_END:
      return;
    case 0x0a00 | nft.NFT_MSG_NEWTABLE:
      batch.addTable(parseTable(message), options);
      return;
    case 0x0a00 | nft.NFT_MSG_DELTABLE:
      batch.deleteTable(parseTable(message));
      return;
    case 0x0a00 | nft.NFT_MSG_NEWCHAIN:
      batch.addChain(parseChain(message), options);
      return;
    case 0x0a00 | nft.NFT_MSG_NEWRULE: {
      const rule = parseRule(message);
      batch.addRule(rule, { replaces: rule.handle, place: (message.flags & 0x800) === 0 ? "insert" : "append" });
      return;
    }
    case 0x0a00 | nft.NFT_MSG_NEWSET:
      batch.addSet(parseSet(message), options);
      return;
    case 0x0a00 | nft.NFT_MSG_NEWSETELEM: {
      const { set, elements, ...rest } = parseElements(message);
      batch.addElements({ ...rest, name: set }, elements, options);
      return;
    }
    case 0x0a00 | nft.NFT_MSG_DELSETELEM: {
      const { set, elements, ...rest } = parseElements(message);
      batch.deleteElements({ ...rest, name: set }, elements);
      return;
    }
    default:
      throw new Error(`capture with message type ${message.type}`);
  }
}

/** What of a rule the kernel returns as it was given: not the counters, nor the code of a reset, which has none. */
function withoutUnreturned(rule: Rule): unknown {
  return rule.expressions.map((expression) => {
    if (expression.kind === "counter") return { kind: "counter" };
    if (expression.kind === "reject" && expression.type === "tcp-reset") return { kind: "reject", type: "tcp-reset" };
    return Object.fromEntries(
      Object.entries(expression)
        .map(([key, value]) => [key, value instanceof Uint8Array ? Buffer.from(value).toString("hex") : value])
        .sort(([a], [b]) => String(a).localeCompare(String(b))),
    );
  });
}
