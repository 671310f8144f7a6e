import test from "ava";
import { Forwarder, type ForwarderOptions } from "../../../src/agent/dns/forwarder.js";
import { parseMessage } from "../../../src/agent/dns/message-reader.js";
import { encodeMessage } from "../../../src/agent/dns/message-writer.js";
import { isBadQuery, type Query, readQuery } from "../../../src/agent/dns/query.js";
import type { Exchange, NoAnswer } from "../../../src/agent/dns/upstream-exchange.js";
import { readUpstreamAnswer, type UpstreamAnswer, upstreamQuery } from "../../../src/agent/dns/upstream-message.js";
import { query } from "./sandbox.js";

const SERVERS = ["192.0.2.1", "192.0.2.2", "192.0.2.3"].map((address) => ({ address, port: 53 }));
const TIMEOUT: NoAnswer = { failure: "timeout", detail: "no answer" };

function question(name = "example.com", udpSizeBytes?: number): Query {
  const read = readQuery(query(name, udpSizeBytes === undefined ? {} : { udpSizeBytes }));
  if (isBadQuery(read)) throw new Error(`${name} cannot be asked for`);
  return read;
}

function answerWith(asked: Query, rcode: number, records = 0): UpstreamAnswer {
  const sent = parseMessage(upstreamQuery(asked, 77));
  const bytes = encodeMessage({
    ...sent,
    header: { ...sent.header, response: true, recursionAvailable: true, rcode },
    answers: Array.from({ length: records }, () => ({
      name: asked.key,
      type: 1,
      class: 1,
      ttlSeconds: 60,
      data: { kind: "address" as const, bytes: Buffer.of(192, 0, 2, 80) },
    })),
  });
  const read = readUpstreamAnswer(bytes, asked, 77);
  if (!read) throw new Error("the answer does not fit the question");
  return read;
}

function forwarder(exchange: Exchange, over: Partial<ForwarderOptions> = {}) {
  const lines: string[] = [];
  const made = new Forwarder({ servers: () => SERVERS, exchange, log: (line) => lines.push(line), ...over });
  return { made, lines };
}

const rcodeOf = (bytes: Buffer) => parseMessage(bytes).header.rcode;

const orders: readonly (readonly [
  title: string,
  outcomes: readonly (number | NoAnswer)[],
  asked: number,
  rcode: number,
])[] = [
  ["the first answers", [0], 1, 0],
  ["NXDOMAIN is an answer", [3], 1, 3],
  ["SERVFAIL leads to the next", [2, 0], 2, 0],
  ["REFUSED leads to the next", [5, 5, 3], 3, 3],
  ["a time-out leads to the next", [TIMEOUT, 0], 2, 0],
  ["the last word of servers that all fail", [2, 5, TIMEOUT], 3, 5],
  ["none answers", [TIMEOUT, TIMEOUT, TIMEOUT], 3, 2],
];
for (const [title, outcomes, asked, rcode] of orders) {
  test(`servers in their order: ${title}`, async (t) => {
    const seen: string[] = [];
    const { made } = forwarder(async (one, server) => {
      const outcome = outcomes[seen.push(server.address) - 1]!;
      return typeof outcome === "number" ? answerWith(one, outcome) : outcome;
    });
    const response = await made.forward(question(), "udp", "box");
    t.deepEqual(
      seen,
      SERVERS.slice(0, asked).map((server) => server.address),
    );
    t.is(rcodeOf(response), rcode);
    t.is(response.readUInt16BE(0), 0x1234, "the client's own id");
    t.is(made.stats.outstanding, 0);
  });
}

test("without a server SERVFAIL comes at once", async (t) => {
  const { made } = forwarder(() => Promise.reject(new Error("asked")), { servers: () => [] });
  t.is(rcodeOf(await made.forward(question(), "udp", "box")), 2);
  t.like(made.stats, { noUpstream: 1, forwarded: 0 });
});

test("settings that cannot be read are reported, and answered with SERVFAIL", async (t) => {
  const { made, lines } = forwarder(() => Promise.reject(new Error("asked")), {
    servers: () => {
      throw new Error("EACCES: /etc/resolv.conf");
    },
  });
  t.is(rcodeOf(await made.forward(question(), "udp", "box")), 2);
  t.deepEqual(lines, ["upstream name servers: EACCES: /etc/resolv.conf"]);
});

test("an exchange that breaks is reported, and the next server asked", async (t) => {
  let calls = 0;
  const { made, lines } = forwarder(async (one) => {
    if (++calls === 1) throw new Error("EMFILE");
    return answerWith(one, 0);
  });
  t.is(rcodeOf(await made.forward(question(), "udp", "box")), 0);
  t.deepEqual(lines, ["upstream name server 192.0.2.1: EMFILE"]);
});

test("questions beyond the limits get SERVFAIL at once, and are counted", async (t) => {
  const waiting: (() => void)[] = [];
  const { made } = forwarder((one) => new Promise((settle) => waiting.push(() => settle(answerWith(one, 0)))), {
    maxPerSandbox: 2,
    maxPerNode: 3,
  });
  const first = [made.forward(question(), "udp", "a"), made.forward(question(), "udp", "a")];
  t.is(rcodeOf(await made.forward(question(), "udp", "a")), 2, "a third of one sandbox");
  const other = made.forward(question(), "udp", "b");
  t.is(rcodeOf(await made.forward(question(), "udp", "c")), 2, "a fourth of the node");
  t.like(made.stats, { outstanding: 3, overLimit: 2, forwarded: 3 });
  for (const settle of waiting) settle();
  for (const response of await Promise.all([...first, other])) t.is(rcodeOf(response), 0);
  const again = made.forward(question(), "udp", "a");
  waiting.at(-1)!();
  t.is(rcodeOf(await again), 0);
  t.is(made.stats.outstanding, 0);
});

test("an answer longer than the client's UDP is cut to its question", async (t) => {
  const { made } = forwarder(async (one) => answerWith(one, 0, 60));
  const cut = parseMessage(await made.forward(question(), "udp", "box"));
  t.true(cut.header.truncated);
  t.deepEqual(cut.answers, []);
  t.is(parseMessage(await made.forward(question(), "tcp", "box")).answers.length, 60);
  t.is(parseMessage(await made.forward(question("example.com", 4096), "udp", "box")).answers.length, 60);
});

test("upstream gets the question with its spelling, and of EDNS only size and DO", (t) => {
  const bytes = query("Example.COM", { udpSizeBytes: 1400 });
  const read = readQuery(bytes);
  if (isBadQuery(read)) return t.fail();
  const sent = parseMessage(upstreamQuery(read, 99));
  t.is(sent.header.id, 99);
  t.true(sent.header.recursionDesired);
  t.deepEqual(sent.questions, [{ name: "Example.COM", type: 1, class: 1 }]);
  t.deepEqual(sent.edns, { udpSizeBytes: 1400, version: 0, dnssecOk: false, options: [] });
});

test("only the answer to the question that was sent is believed", (t) => {
  const asked = question();
  const good = answerWith(asked, 0, 1).bytes;
  const changed = (at: number, value: number) => {
    const bytes = Buffer.from(good);
    bytes[at] = value;
    return bytes;
  };
  t.truthy(readUpstreamAnswer(good, asked, 77));
  t.is(readUpstreamAnswer(good, asked, 78), undefined, "another id");
  t.is(readUpstreamAnswer(changed(2, 0x01), asked, 77), undefined, "a query");
  t.is(readUpstreamAnswer(changed(13, 0x66), asked, 77), undefined, "another name");
  t.is(readUpstreamAnswer(changed(asked.questionEnd - 3, 28), asked, 77), undefined, "another type");
  t.is(readUpstreamAnswer(good.subarray(0, -1), asked, 77), undefined, "not a whole message");
  t.is(readUpstreamAnswer(Buffer.alloc(0), asked, 77), undefined, "nothing");
});
