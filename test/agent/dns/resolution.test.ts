import test from "ava";
import { TYPE } from "../../../src/agent/dns/constants.js";
import { parseMessage } from "../../../src/agent/dns/message-reader.js";
import { decide } from "../../../src/agent/dns/resolver.js";
import { serviceRow } from "../network/rows.js";
import { addressesIn, ask, BACK, firstOf, namesOf, query, rows, SHOP, shopNames, task } from "./sandbox.js";

const names = shopNames();

interface Expected {
  readonly name: string;
  readonly type?: number;
  readonly addresses?: readonly string[];
  readonly pointer?: string;
  readonly ttlSeconds?: number;
  readonly rcode?: number;
  readonly forward?: true;
}

const VIP = { addresses: ["10.0.1.2"], ttlSeconds: 600 };
const TASKS = { addresses: ["10.0.1.11", "10.0.1.12", "10.0.1.13"], ttlSeconds: 5 };
const SECOND_TASK = { addresses: ["10.0.1.12"], ttlSeconds: 5 };

const table: readonly Expected[] = [
  { name: "web", ...VIP },
  { name: "WeB", ...VIP },
  { name: "web.shop", ...VIP },
  { name: "web.SHOP", ...VIP },
  { name: "webalias", ...VIP },
  { name: "webalias.shop", ...VIP },
  { name: "web", type: TYPE.ANY, ...VIP },
  { name: "tasks.web", ...TASKS },
  { name: "tasks.webalias", ...TASKS },
  { name: "tasks.web.shop", ...TASKS },
  { name: "Tasks.Web", ...TASKS },
  { name: "rr", addresses: ["10.0.1.16", "10.0.1.17"], ttlSeconds: 5 },
  { name: "tasks.rr", addresses: ["10.0.1.16", "10.0.1.17"], ttlSeconds: 5 },
  { name: "web.2.t2", ...SECOND_TASK },
  { name: "web.2.t2.shop", ...SECOND_TASK },
  { name: "host-2", ...SECOND_TASK },
  { name: "host-2.shop", ...SECOND_TASK },
  // A service without tasks keeps its address; one that is only its tasks is known and empty.
  { name: "idle", addresses: ["10.0.1.3"], ttlSeconds: 600 },
  { name: "tasks.idle", addresses: [] },
  { name: "gone", addresses: [] },
  // A second network, whose name has a dot and capitals.
  { name: "db", addresses: ["10.0.2.2"], ttlSeconds: 600 },
  { name: "db.back.office", addresses: ["10.0.2.2"], ttlSeconds: 600 },
  { name: "db.shop", forward: true },
  // Known names have no other types, and nobody upstream is asked for them.
  { name: "web", type: TYPE.AAAA, addresses: [] },
  { name: "web", type: TYPE.MX, addresses: [] },
  { name: "tasks.web", type: TYPE.AAAA, addresses: [] },
  // Not active: being started, being drained. The task's own names it knows before anybody else does.
  { name: "web.5.t5", forward: true },
  { name: "host-4", forward: true },
  { name: "web.4.t4", addresses: ["10.0.1.14"], ttlSeconds: 5 },
  { name: "my-host", addresses: ["10.0.1.14"], ttlSeconds: 5 },
  { name: "my-host.shop", addresses: ["10.0.1.14"], ttlSeconds: 5 },
  // Other people's.
  { name: "example.com", forward: true },
  { name: "nosuch", forward: true },
  { name: "shop", forward: true },
  { name: "secret", forward: true },
  { name: "web.ingress", forward: true },
  { name: "outside", forward: true },
  { name: "web.1", forward: true },
  { name: "", forward: true },
  { name: "tasks.example.com", forward: true },
  // Names that could only be ours.
  { name: "tasks.nosuch", rcode: 3 },
  { name: "tasks.nosuch.shop", rcode: 3 },
  // Reverse.
  { name: "12.1.0.10.in-addr.arpa", type: TYPE.PTR, pointer: "web.2.t2.shop", ttlSeconds: 5 },
  { name: "2.1.0.10.IN-ADDR.ARPA", type: TYPE.PTR, pointer: "web.shop", ttlSeconds: 5 },
  { name: "2.2.0.10.in-addr.arpa", type: TYPE.PTR, pointer: "db.back.Office", ttlSeconds: 5 },
  { name: "15.1.0.10.in-addr.arpa", type: TYPE.PTR, pointer: "web.5.t5.shop", ttlSeconds: 5 },
  { name: "12.1.0.10.in-addr.arpa", type: TYPE.A, addresses: [] },
  { name: "99.1.0.10.in-addr.arpa", type: TYPE.PTR, rcode: 3 },
  { name: "1.0.10.in-addr.arpa", type: TYPE.NS, rcode: 3 },
  { name: "0.10.in-addr.arpa", type: TYPE.NS, forward: true },
  { name: "1.1.1.1.in-addr.arpa", type: TYPE.PTR, forward: true },
  { name: "1.2.3.4.5.in-addr.arpa", type: TYPE.PTR, forward: true },
  { name: "256.1.0.10.in-addr.arpa", type: TYPE.PTR, forward: true },
];

for (const { name, type = TYPE.A, ...expected } of table) {
  test(`type ${type} of "${name}"`, (t) => {
    const answer = ask(names, query(name, { type }));
    if (expected.forward) {
      t.is(answer, "forward");
      return;
    }
    if (typeof answer === "string") return t.fail(answer);
    t.like(answer.header, {
      id: 0x1234,
      response: true,
      authoritative: false,
      recursionDesired: true,
      truncated: false,
    });
    t.true(answer.header.recursionAvailable);
    t.is(answer.header.rcode, expected.rcode ?? 0);
    t.deepEqual(answer.questions, [{ name, type, class: 1 }], "the question comes back as it was spelt");
    if (expected.pointer === undefined) t.deepEqual(addressesIn(answer).sort(), [...(expected.addresses ?? [])]);
    else t.deepEqual(answer.answers[0]?.data, { kind: "name", name: expected.pointer });
    for (const record of answer.answers) t.is(record.ttlSeconds, expected.ttlSeconds!);
  });
}

test("of two networks with the same name the sandbox's first answers", (t) => {
  const view = rows(
    [
      serviceRow({ name: "api" }),
      serviceRow({ serviceId: "s5", networkId: "n2", name: "api", virtualAddress: "10.0.2.9" }),
    ],
    [],
  );
  const first = (networks: (typeof SHOP)[]) => {
    const answer = ask(namesOf(view, networks), query("api"));
    return typeof answer === "string" ? answer : addressesIn(answer);
  };
  t.deepEqual(first([SHOP, BACK]), ["10.0.1.2"]);
  t.deepEqual(first([BACK, SHOP]), ["10.0.2.9"]);
});

test("two services may share an alias", (t) => {
  const view = rows(
    [
      serviceRow({ serviceId: "blue", name: "blue", aliases: ["live"], virtualAddress: "10.0.1.20" }),
      serviceRow({ serviceId: "green", name: "green", aliases: ["live"], virtualAddress: "10.0.1.21" }),
    ],
    [],
  );
  const answer = ask(namesOf(view), query("live"));
  if (typeof answer === "string") return t.fail(answer);
  t.deepEqual(addressesIn(answer).sort(), ["10.0.1.20", "10.0.1.21"]);
});

test("what is no query for us", (t) => {
  const rcodeOf = (bytes: Buffer) => {
    const answer = ask(names, bytes);
    return typeof answer === "string" ? answer : answer.header.rcode;
  };
  const changed = (at: number, value: number) => {
    const bytes = query("web");
    bytes[at] = value;
    return bytes;
  };
  t.is(rcodeOf(Buffer.alloc(11)), "ignore", "no header");
  t.is(rcodeOf(changed(2, 0x81)), "ignore", "an answer");
  t.is(rcodeOf(changed(2, 0x21)), 4, "another opcode");
  t.is(rcodeOf(changed(5, 0)), 1, "no question");
  t.is(rcodeOf(changed(5, 2)), 1, "two questions");
  t.is(rcodeOf(changed(11, 1)), 1, "a record that is not there");
  t.is(rcodeOf(changed(12, 0x40)), 1, "a label of 64 bytes");
  t.is(rcodeOf(query("web").subarray(0, 18)), 1, "a question that is cut off");
  t.is(rcodeOf(query("web", { class: 3 })), 5, "another class");
  t.is(rcodeOf(query("web", { type: TYPE.AXFR })), 5, "a zone transfer");
  const version1 = query("web", { udpSizeBytes: 1232 });
  version1[version1.length - 5] = 1;
  t.is(rcodeOf(version1), 16, "EDNS version 1");
});

test("a client with EDNS gets EDNS, one without gets none", (t) => {
  const answer = ask(names, query("web", { udpSizeBytes: 4096 }));
  if (typeof answer === "string") return t.fail(answer);
  t.like(answer.edns, { version: 0, udpSizeBytes: 1232 });
  t.is((ask(names, query("web")) as typeof answer).edns, undefined);
});

test("a long answer keeps what fits into the client's UDP, and is whole over TCP", (t) => {
  const many = namesOf(
    rows(
      [serviceRow()],
      Array.from({ length: 200 }, (_, index) => task(index + 1)),
    ),
  );
  const over = (transport: "udp" | "tcp", udpSizeBytes?: number) => {
    const bytes = query("tasks.web", udpSizeBytes === undefined ? {} : { udpSizeBytes });
    const decision = decide(bytes, transport, many, firstOf);
    if (decision.kind !== "answer") throw new Error(decision.kind);
    const { header, answers } = parseMessage(decision.response);
    return { bytes: decision.response.length, truncated: header.truncated, records: answers.length };
  };
  // 12 of header, 15 of question, 11 of OPT, 16 each.
  t.deepEqual(over("udp"), { bytes: 507, truncated: true, records: 30 });
  t.deepEqual(over("udp", 100), { bytes: 518 - 16, truncated: true, records: 29 });
  t.deepEqual(over("udp", 1232), { bytes: 38 + 74 * 16, truncated: true, records: 74 });
  t.deepEqual(over("udp", 4096), { bytes: 38 + 200 * 16, truncated: false, records: 200 });
  t.deepEqual(over("tcp"), { bytes: 27 + 200 * 16, truncated: false, records: 200 });
});

test("answers are shuffled: each address stands first as often as the others", (t) => {
  let state = 12345;
  const random = (below: number): number => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  const first = new Map<string, number>();
  for (let round = 0; round < 3000; round++) {
    const decision = decide(query("tasks.web"), "udp", names, random);
    if (decision.kind !== "answer") return t.fail(decision.kind);
    const addresses = addressesIn(parseMessage(decision.response));
    t.is(new Set(addresses).size, 3);
    first.set(addresses[0]!, (first.get(addresses[0]!) ?? 0) + 1);
  }
  for (const count of first.values()) t.true(count > 850 && count < 1150, `${count} of 3000`);
});

test("an address whose owner's name is too long for the DNS has none", (t) => {
  const view = rows([], [task(1, { taskName: "x".repeat(64) })]);
  const answer = ask(namesOf(view), query("11.1.0.10.in-addr.arpa", { type: TYPE.PTR }));
  if (typeof answer === "string") return t.fail(answer);
  t.is(answer.header.rcode, 0);
  t.deepEqual(answer.answers, []);
});
