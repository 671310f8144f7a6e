import test from "ava";
import {
  type Flow,
  type FlowQuery,
  flowQueries,
  flowRulesOfChanges,
  flowRulesOfLook,
  isEmpty,
  isStale,
} from "../../ipvs/flows.js";
import type { VirtualService } from "../../ipvs/load-balancer.js";
import { serviceChanges } from "../../ipvs/service-changes.js";
import { A, B, TCP80, web } from "./services.js";

const VIP = "10.99.0.0";
const tcp = (destination: string, destinationPort: number, source: string): Flow => ({
  original: { protocol: 6, destination, destinationPort },
  reply: { source },
});

const flows = {
  "VIP→A": tcp(VIP, 80, A),
  "VIP→B": tcp(VIP, 80, B),
  "VIP, untranslated": tcp(VIP, 80, VIP),
  "port 80→A": tcp("10.77.0.2", 80, A),
  "port 80, untranslated": tcp("10.77.0.2", 80, "10.77.0.2"),
  "another address→A": tcp("10.77.0.2", 81, A),
  "ping of the VIP": { original: { protocol: 1, destination: VIP }, reply: { source: VIP } },
} satisfies Record<string, Flow>;

const tables: readonly {
  readonly title: string;
  readonly before: readonly VirtualService[];
  readonly after: readonly VirtualService[];
  readonly stale: readonly (keyof typeof flows)[];
  readonly looks?: boolean;
}[] = [
  { title: "nothing changes", before: [web(300, { [A]: 1 })], after: [web(300, { [A]: 1 })], stale: [], looks: false },
  {
    title: "a destination drains",
    before: [web(300, { [A]: 1, [B]: 1 })],
    after: [web(300, { [A]: 0, [B]: 1 })],
    stale: [],
    looks: false,
  },
  {
    title: "a destination comes",
    before: [web(300, { [A]: 1 })],
    after: [web(300, { [A]: 1, [B]: 1 })],
    stale: [],
    looks: false,
  },
  {
    title: "a destination goes",
    before: [web(300, { [A]: 1, [B]: 1 })],
    after: [web(300, { [B]: 1 })],
    stale: ["VIP→A", "VIP, untranslated", "ping of the VIP"],
  },
  {
    title: "the last destination goes",
    before: [web(300, { [A]: 1 })],
    after: [web(300, {})],
    stale: ["VIP→A", "VIP→B"],
  },
  {
    title: "the first destination comes",
    before: [web(300, {})],
    after: [web(300, { [A]: 1 })],
    stale: ["VIP→B", "VIP, untranslated", "ping of the VIP"],
  },
  {
    title: "a draining one is callable again",
    before: [web(300, { [A]: 0 })],
    after: [web(300, { [A]: 1 })],
    stale: ["VIP→B", "VIP, untranslated", "ping of the VIP"],
  },
  { title: "a service goes", before: [web(300, { [A]: 1 })], after: [], stale: ["VIP→A", "VIP→B"] },
  {
    title: "a service comes",
    before: [],
    after: [web(300, { [A]: 1 })],
    stale: ["VIP→B", "VIP, untranslated", "ping of the VIP"],
  },
  { title: "a service without backends comes", before: [], after: [web(300, {})], stale: [], looks: false },
  {
    title: "the virtual address moves on",
    before: [web(300, { [A]: 1 })],
    after: [web(300, { [A]: 1 }, { virtual: { address: "10.99.0.77", sourceAddress: A } })],
    stale: ["VIP→A", "VIP→B"],
  },
  {
    title: "the virtual address goes to another service",
    before: [web(300, { [A]: 1 })],
    after: [web(301, { [B]: 1 }, { virtual: web(300, {}).virtual })],
    stale: ["VIP→A", "VIP, untranslated", "ping of the VIP"],
  },
  {
    title: "a published port's destination goes",
    before: [web(300, { [A]: 1, [B]: 1 }, { virtual: undefined, published: TCP80 })],
    after: [web(300, { [B]: 1 }, { virtual: undefined, published: TCP80 })],
    stale: ["VIP→A", "VIP, untranslated", "port 80→A", "port 80, untranslated"],
  },
  {
    title: "a published port is taken back",
    before: [web(300, { [A]: 1 }, { virtual: undefined, published: TCP80 })],
    after: [web(300, { [A]: 1 }, { virtual: undefined })],
    stale: ["VIP→A", "VIP→B", "port 80→A"],
  },
];

for (const { title, before, after, stale, looks } of tables) {
  test(`${title}: ${stale.join(", ") || "none"}`, (t) => {
    const rules = flowRulesOfChanges(serviceChanges(before, after));
    t.is(isEmpty(rules), looks === false);
    const found = Object.entries(flows).filter(([, flow]) => isStale(flow, rules));
    // What cannot have been there before need not be listed.
    const possible = found.filter(([, flow]) => !isStale(flow, flowRulesOfLook(before, [], [])));
    const queries = flowQueries(rules);
    t.deepEqual(
      possible.filter(([, flow]) => !queries.some((query) => agrees(flow, query))),
      [],
    );
    t.deepEqual(
      found.map(([name]) => name),
      stale as string[],
    );
  });
}

test("after a look: what leads to nobody wanted ends, also by ways that only the kernel knew", (t) => {
  const rules = flowRulesOfLook([web(300, { [A]: 1 })], ["10.99.0.5"], ["tcp/81"]);
  const ends = (flow: Flow) => isStale(flow, rules);
  t.false(ends(flows["VIP→A"]));
  t.true(ends(flows["VIP→B"]));
  t.true(ends(flows["another address→A"]));
  t.true(ends(tcp("10.99.0.5", 80, A)));
  t.false(ends(tcp("10.99.0.5", 80, "10.99.0.5")));
  t.false(ends(flows["port 80→A"]));
});

function agrees({ original, reply }: Flow, query: FlowQuery): boolean {
  const { protocol, destination, destinationPort } = query.original ?? {};
  return (
    (protocol ?? original.protocol) === original.protocol &&
    (destination ?? original.destination) === original.destination &&
    (destinationPort ?? original.destinationPort) === original.destinationPort &&
    (query.reply?.source ?? reply.source) === reply.source
  );
}

test("a lost destination is asked for alone; what is not known is asked for as a whole", (t) => {
  const before = web(300, { [A]: 1, [B]: 1 }, { published: TCP80 });
  const after = web(300, { [B]: 1 }, { published: TCP80 });
  t.deepEqual(flowQueries(flowRulesOfChanges(serviceChanges([before], [after]))), [
    { original: { destination: VIP }, reply: { source: A } },
    { original: { protocol: 6, destinationPort: 80 }, reply: { source: A } },
  ]);
  t.deepEqual(flowQueries(flowRulesOfLook([after], [], [])), [
    { original: { destination: VIP } },
    { original: { protocol: 6, destinationPort: 80 } },
  ]);
  const awoken = flowRulesOfChanges(serviceChanges([web(300, {})], [web(300, { [A]: 1 })]));
  t.deepEqual(flowQueries(awoken), [{ original: { destination: VIP }, reply: { source: VIP } }]);
});
