import test from "ava";
import { NftBatch } from "../../../native-bindings/nftables/batch.js";
import { decodeComment, encodeComment } from "../../../native-bindings/nftables/comment.js";
import * as nft from "../../../native-bindings/nftables/constants.js";
import { NftTransactionError } from "../../../native-bindings/nftables/errors.js";
import { type Expression, slot } from "../../../native-bindings/nftables/expression.js";
import { concatenatedType } from "../../../native-bindings/nftables/objects.js";
import { NftSocket } from "../../../native-bindings/nftables/socket.js";
import { createNamespace, inNamespace, type Namespace, removeNamespace } from "../../../netns/namespace.js";

const T = { family: "ip", table: "t" } as const;
const ACCEPT: Expression = { kind: "verdict", verdict: { kind: "accept" } };
const MAP = {
  ...T,
  name: "endpoints",
  flags: nft.NFT_SET_MAP,
  keyType: concatenatedType(nft.KEY_TYPE_IPV4_ADDRESS, nft.KEY_TYPE_MARK),
  keyLength: 8,
  dataType: nft.KEY_TYPE_IPV4_ADDRESS,
  dataLength: 4,
};

let socket: NftSocket;
const namespace: Namespace = createNamespace(`tsw-nft${process.pid}`);
const missing = whyMissing();
if (missing !== undefined) test.skip(`nf_tables cannot be used here: ${missing}`, () => undefined);
const kernelTest = missing === undefined ? test.serial : test.serial.skip;

test.before(() => {
  socket = inNamespace(namespace, () => NftSocket.open());
});

test.after.always(() => {
  socket?.close();
  namespace.close();
  removeNamespace(namespace.name);
});

test.serial.afterEach.always(() => {
  if (missing !== undefined) return;
  socket.commit(new NftBatch().addTable(T).deleteTable(T));
});

kernelTest("what is committed is there, and reads back", (t) => {
  const before = socket.generation();
  socket.commit(
    new NftBatch()
      .addTable(T)
      .addChain({ ...T, name: "pre", base: { type: "nat", hook: "prerouting", priority: -100, policy: "accept" } })
      .addChain({ ...T, name: "service" })
      .addSet(MAP)
      .addSet({
        ...T,
        name: "vips",
        flags: nft.NFT_SET_MAP,
        keyType: nft.KEY_TYPE_IPV4_ADDRESS,
        keyLength: 4,
        dataType: nft.NFT_DATA_VERDICT,
        dataLength: 0,
      })
      .addElements({ ...T, name: "vips" }, [
        { key: Buffer.from([10, 0, 0, 2]), verdict: { kind: "goto", chain: "service" } },
      ])
      .addElements(MAP, [{ key: Buffer.from([10, 0, 0, 2, 1, 0, 0, 0]), value: Buffer.from([10, 0, 0, 5]) }])
      .addRule({
        ...T,
        chain: "pre",
        expressions: [
          { kind: "payload", base: "network", offset: 16, length: 4, destination: slot(0) },
          { kind: "lookup", set: "vips", source: slot(0), destination: 0 },
        ],
        userdata: encodeComment("dispatch"),
      })
      .addRule({
        ...T,
        chain: "service",
        expressions: [
          { kind: "payload", base: "network", offset: 16, length: 4, destination: slot(0) },
          { kind: "numgen", mode: "random", modulus: 3, offset: 0, destination: slot(1) },
          { kind: "lookup", set: "endpoints", source: slot(0), destination: slot(0) },
          { kind: "nat", type: "destination", family: "ip", address: slot(0) },
        ],
      }),
  );
  t.is(socket.generation(), before + 1);
  t.deepEqual(
    socket.tables("ip").map(({ table }) => table),
    ["t"],
  );
  t.deepEqual(
    socket.chains("ip").map(({ name, base }) => [name, base?.priority]),
    [
      ["pre", -100],
      ["service", undefined],
    ],
  );
  t.deepEqual(
    socket.rules(T).map(({ chain, userdata, expressions }) => [chain, decodeComment(userdata), expressions.length]),
    [
      ["pre", "dispatch", 2],
      ["service", undefined, 4],
    ],
  );
  t.deepEqual(
    socket.sets(T).map(({ name, keyLength }) => [name, keyLength]),
    [
      ["endpoints", 8],
      ["vips", 4],
    ],
  );
  t.deepEqual(socket.elements({ ...T, name: "vips" }), [
    { key: Buffer.from([10, 0, 0, 2]), verdict: { kind: "goto", chain: "service" } },
  ]);
  t.deepEqual(socket.rules(T, "service").length, 1);
  t.deepEqual(socket.rules({ family: "ip", table: "none" }), []);
});

kernelTest("a refused message is named with its place in the request, and nothing of the batch is done", (t) => {
  const generation = socket.generation();
  const batch = new NftBatch()
    .addTable(T)
    .addChain({ ...T, name: "c" })
    .addRule({ ...T, chain: "nowhere", expressions: [ACCEPT] })
    .addRule({ ...T, chain: "c", expressions: [ACCEPT] })
    .deleteChain({ ...T, name: "gone" });
  const error = t.throws(() => socket.commit(batch), { instanceOf: NftTransactionError });
  t.is(error?.code, "ENOENT");
  t.regex(error?.message ?? "", /add rule ip t nowhere: .*ENOENT.*1 more/);
  t.deepEqual([...(error?.failures.keys() ?? [])], [3, 5]);
  // 16 bytes header, 4 bytes nfgenmsg, 8 bytes table: the chain's name.
  t.is(error?.first.offset, 28);
  t.deepEqual(socket.tables(), []);
  t.is(socket.generation(), generation);
});

kernelTest("a fault that only the commit finds is a refusal too", (t) => {
  const jump = (chain: string, to: string) => ({
    ...T,
    chain,
    expressions: [{ kind: "verdict", verdict: { kind: "jump", chain: to } }] as const,
  });
  socket.commit(
    new NftBatch()
      .addTable(T)
      .addChain({ ...T, name: "base", base: { type: "filter", hook: "input", priority: 0 } })
      .addChain({ ...T, name: "a" })
      .addChain({ ...T, name: "b" })
      .addRule(jump("base", "a"))
      .addRule(jump("a", "b")),
  );
  const error = t.throws(() => socket.commit(new NftBatch().addRule(jump("b", "a"))), {
    instanceOf: NftTransactionError,
  });
  t.is(error?.code, "EMLINK");
  t.is(socket.rules(T).length, 2);
});

kernelTest("an exclusive addition of what is there fails; a plain one does not", (t) => {
  socket.commit(new NftBatch().addTable(T, { exclusive: true }));
  socket.commit(new NftBatch().addTable(T));
  const error = t.throws(() => socket.commit(new NftBatch().addTable(T, { exclusive: true })), {
    instanceOf: NftTransactionError,
  });
  t.is(error?.code, "EEXIST");
});

kernelTest("rules go where they are told", (t) => {
  const rule = (mark: number, position?: bigint) => ({
    ...T,
    chain: "c",
    position,
    expressions: [{ kind: "immediate", destination: 1, value: Buffer.from([mark, 0, 0, 0]) }] as const,
  });
  const order = () =>
    socket.rules(T).map(({ expressions: [first] }) => (first?.kind === "immediate" ? first.value[0] : undefined));
  socket.commit(
    new NftBatch()
      .addTable(T)
      .addChain({ ...T, name: "c" })
      .addRule(rule(1))
      .addRule(rule(2)),
  );
  const [first, second] = socket.rules(T);
  socket.commit(
    new NftBatch()
      .addRule(rule(3, first!.handle))
      .addRule(rule(4, second!.handle), { place: "insert" })
      .addRule(rule(5), { place: "insert" })
      .addRule(rule(6), { replaces: second!.handle! }),
  );
  t.deepEqual(order(), [5, 1, 3, 4, 6]);
  socket.commit(new NftBatch().deleteRule({ ...T, chain: "c", handle: first!.handle! }));
  t.deepEqual(order(), [5, 3, 4, 6]);
  socket.commit(new NftBatch().flushChain({ ...T, name: "c" }));
  t.deepEqual(order(), []);
});

kernelTest("200,000 elements in one transaction of megabytes, and out again", (t) => {
  const elements = Array.from({ length: 200_000 }, (_, index) => {
    const key = Buffer.alloc(8);
    key.writeUInt32BE(index);
    return { key, value: Buffer.from([10, 0, 0, 1]) };
  });
  const batch = new NftBatch().addTable(T).addSet(MAP).addElements(MAP, elements);
  t.true(batch.finish().length > 6_000_000);
  socket.commit(batch);
  t.is(socket.elements(MAP).length, elements.length);
  socket.commit(new NftBatch().deleteElements(MAP, elements.slice(0, 199_990)));
  t.is(socket.elements(MAP).length, 10);
  socket.commit(new NftBatch().flushSet(MAP));
  t.deepEqual(socket.elements(MAP), []);
});

kernelTest("30,000 refusals of one transaction all arrive", (t) => {
  const batch = new NftBatch().addTable(T);
  for (let index = 0; index < 30_000; index++) batch.deleteChain({ ...T, name: `chain-${index}` });
  const error = t.throws(() => socket.commit(batch), { instanceOf: NftTransactionError });
  t.is(error?.failures.size, 30_000);
  t.deepEqual(socket.tables(), []);
});

kernelTest("a transaction of 20 MB", (t) => {
  const batch = new NftBatch().addTable(T).addChain({ ...T, name: "c" });
  const filler: Expression[] = Array.from({ length: 12 }, (_, index) => ({
    kind: "immediate",
    destination: 1,
    value: Buffer.alloc(16, index),
  }));
  for (let index = 0; index < 29_000; index++) batch.addRule({ ...T, chain: "c", expressions: filler });
  t.true(batch.finish().length > 20_000_000, `${batch.finish().length} bytes`);
  socket.commit(batch);
  t.is(socket.rules(T).length, 29_000);
});

kernelTest("an empty batch is not sent", (t) => {
  const before = socket.generation();
  socket.commit(new NftBatch());
  t.is(socket.generation(), before);
});

kernelTest("a finished batch takes nothing more", (t) => {
  const batch = new NftBatch().addTable(T);
  batch.finish();
  t.throws(() => batch.deleteTable(T), { message: /finished/ });
  t.throws(() => new NftBatch().addRule({ ...T, chain: "c", expressions: [{ kind: "cmp" } as Expression] }), {
    instanceOf: RangeError,
    message: /cmp without source/,
  });
});

kernelTest("sockets that have just removed something close later, and work until then elsewhere", (t) => {
  for (let round = 0; round < 300; round++) {
    using other = inNamespace(namespace, () => NftSocket.open());
    other.commit(new NftBatch().addTable(T).deleteTable(T));
  }
  t.deepEqual(socket.tables(), []);
});

function whyMissing(): string | undefined {
  try {
    using probe = inNamespace(namespace, () => NftSocket.open());
    probe.commit(new NftBatch().addTable(T).deleteTable(T));
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}
