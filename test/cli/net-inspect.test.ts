import test from "ava";
import fc from "fast-check";
import { ItemState, NodeObservation } from "../../src/api/generated/tswarm/v1/link.js";
import { tally, tallyKinds, verdict } from "../../src/cli/net/drift.js";
import { observationJson } from "../../src/cli/net/inspect.js";
import { networkUse } from "../../src/cli/net/list.js";
import { contrast, readablePlace } from "../../src/cli/net/readable.js";
import { renderObservations } from "../../src/cli/net/render.js";
import { displayWidth } from "../../src/cli/render/table.js";
import { HOST1, HOST2, id, processService, SHOP, taskOf } from "./fixtures.js";

const PLAIN = { full: false, hasColour: false, place: (text: string) => text } as const;

const item = (kind: string, key: string, state = ItemState.ITEM_PRESENT, more: object = {}) => ({
  kind,
  place: "network shop",
  key,
  wanted: state === ItemState.ITEM_EXTRA ? "" : `want ${key}`,
  found: state === ItemState.ITEM_MISSING ? "" : `found ${key}`,
  state,
  ...more,
});

const observed = (hostname: string, items: object[], more: object = {}) =>
  NodeObservation.fromPartial({
    nodeId: hostname,
    hostname,
    result: { loadBalancer: "nftables", packetFilter: "iptables-nft", items, paths: ["web.1 → 10.0.1.3"], ...more },
  } as never);

const good = observed("host1", [
  item("link", "vxlan0"),
  item("destination", "10.0.1.2 > 10.0.1.3", 0, { weight: 1, connections: 12 }),
  item("dns", "web"),
]);
const bad = observed("host2", [
  item("link", "vxlan0"),
  item("fdb", "02:42", ItemState.ITEM_MISSING),
  item("fdb", "02:43", ItemState.ITEM_DIFFERENT),
  item("route", "10/8", ItemState.ITEM_EXTRA),
]);
const silent = NodeObservation.fromPartial({ nodeId: "n3", hostname: "host3", error: "the agent has no link" });

test("extra objects are drift and are not wanted", (t) => {
  t.deepEqual(tallyKinds(bad.result!.items), [
    { kind: "link", wanted: 1, present: 1, drifted: 0 },
    { kind: "fdb", wanted: 2, present: 0, drifted: 2 },
    { kind: "route", wanted: 0, present: 0, drifted: 1 },
  ]);
  t.deepEqual(tally([good, bad, silent]), { drifted: 3, driftedNodes: 1, silentNodes: 1 });
});

test("the verdict says no drift only when every node answered", (t) => {
  t.is(verdict([good]), "no drift");
  t.is(verdict([good, bad]), "3 objects drifted on 1 node");
  t.is(verdict([good, silent]), "1 node gave no full answer; nothing drifted on the others");
  t.is(verdict([bad, silent]), "1 node gave no full answer; 3 objects drifted on 1 node");
  t.is(
    verdict([observed("h", [], { error: "cut short" })]),
    "1 node gave no full answer; nothing drifted on the others",
  );
  t.is(verdict([]), "no node takes part");
});

test("the summary: counts by kind, every drifted object, destinations, DNS, paths", (t) => {
  const text = renderObservations("Network shop", [good, bad, silent], { ...PLAIN, all: false });
  t.true(text.includes("host1: load balancer nftables, packet filter iptables-nft, 3 wanted, 3 present, 0 drifted\n"));
  t.true(text.includes("host2: load balancer nftables, packet filter iptables-nft, 3 wanted, 1 present, 3 drifted\n"));
  t.regex(text, /^ {2}fdb +2 +0 +2$/m);
  t.regex(text, /^ {2}! +fdb +network shop +02:42 +want 02:42 +missing$/m);
  t.regex(text, /^ {2}! +fdb +network shop +02:43 +want 02:43 +found 02:43 +different$/m);
  t.regex(text, /^ {2}! +route +network shop +10\/8 +found 10\/8 +extra$/m);
  t.notRegex(text, /want vxlan0/);
  t.regex(text, /^ {2}10\.0\.1\.2 > 10\.0\.1\.3 +network shop +1 +12 +present$/m);
  t.regex(text, /^ {2}web +network shop +found web +present$/m);
  t.true(text.includes("  path: web.1 → 10.0.1.3\n"));
  t.true(text.includes("host3: the agent has no link\n"));
  t.true(text.endsWith("\n1 node gave no full answer; 3 objects drifted on 1 node\n"));
});

test("all objects on request", (t) => {
  const text = renderObservations("Network shop", [good], { ...PLAIN, all: true });
  t.regex(text, /^ +link +network shop +vxlan0 +want vxlan0 +found vxlan0 +present$/m);
  t.true(text.endsWith("\nno drift\n"));
});

test("names stand for ids in places and paths, not in keys", (t) => {
  const task = `web.2.${id("task")}`;
  const place = readablePlace({
    networks: new Map([[SHOP.id, "shop"]]),
    nodes: new Map([[HOST1.id, "host1"]]),
  });
  t.is(place(SHOP.id), "network shop");
  t.is(place(task), "web.2");
  t.is(place(`agent.${HOST1.id}.${id("task")}`), "agent.host1");
  t.is(place(`a → ${task} 10.0.1.4 here | ${task}`), "a → web.2 10.0.1.4 here | web.2");
  t.is(place("host"), "host");
  t.is(place(id("unknown")), id("unknown"));
  const items = [item("namespace", `tsw-net-${SHOP.id}`, ItemState.ITEM_MISSING, { place: SHOP.id })];
  const text = renderObservations("", [observed("h", items)], { ...PLAIN, all: false, place });
  t.regex(text, new RegExp(`! +namespace +network shop +tsw-net-${SHOP.id} +want`));
});

test("long values are cut so that their difference stays in sight", (t) => {
  t.deepEqual(contrast("a=1", "a=2", 60), ["a=1", "a=2"]);
  const head = `${"type=vxlan up=true ".repeat(5)}`;
  t.deepEqual(contrast(`${head}mtu=1450 x=1`, `${head}mtu=1400 x=1`, 20), ["…mtu=1450 x=1", "…mtu=1400 x=1"]);
  t.deepEqual(contrast(`${head}mtu=1450`, "", 20), ["type=vxlan up=true …", ""]);
  t.deepEqual(contrast("x".repeat(30), "y".repeat(30), 10), [`${"x".repeat(9)}…`, `${"y".repeat(9)}…`]);
  t.deepEqual(contrast("x".repeat(30), "x".repeat(31), Number.POSITIVE_INFINITY), ["x".repeat(30), "x".repeat(31)]);
  fc.assert(
    fc.property(
      fc.string({ maxLength: 80 }),
      fc.string({ maxLength: 80 }),
      fc.integer({ min: 2, max: 40 }),
      (a, b, cells) => {
        for (const text of contrast(a, b, cells)) t.true(displayWidth(text) <= cells);
      },
    ),
  );
});

test("long lists of what did not drift are cut", (t) => {
  const items = Array.from({ length: 100 }, (_, at) => item("dns", `name${at}`));
  const short = renderObservations("", [observed("h", items)], { ...PLAIN, all: false });
  t.true(short.includes("  and 60 more: --all shows them\n"));
  t.true(short.includes("name39 ") && !short.includes("name40 "));
  const drifted = items.map((one) => ({ ...one, state: ItemState.ITEM_MISSING }));
  const long = renderObservations("", [observed("h", drifted)], { ...PLAIN, all: false });
  t.is(long.split("\n").filter((line) => line.startsWith("  !")).length, 100, "drift is never cut");
});

test("drift is red on a screen, and nothing is coloured elsewhere", (t) => {
  const text = renderObservations("Network shop", [bad], { ...PLAIN, all: true, hasColour: true });
  const red = text.split("\n").filter((line) => line.startsWith("\x1b[31m"));
  t.is(red.length, 4, "three objects and the verdict");
  t.false(renderObservations("Network shop", [bad], { ...PLAIN, all: true }).includes("\x1b"));
});

test("what a node says cannot command the terminal", (t) => {
  const text = renderObservations(
    "x\x1b[2J",
    [observed("h\x1b[2J", [item("link", "\x1b[2J", 1)], { paths: ["\x1b[2J"] })],
    { ...PLAIN, all: false },
  );
  t.false(text.includes("\x1b"));
});

test("JSON writes the state of every item", (t) => {
  const json = observationJson(bad) as { result: { items: { state: string }[] } };
  t.deepEqual(
    json.result.items.map(({ state }) => state),
    ["present", "missing", "different", "extra"],
  );
  t.deepEqual(observationJson(silent), { nodeId: "n3", hostname: "host3", error: "the agent has no link" });
});

test("nodes of a network: those with a sandbox of it and those that run a task on it", (t) => {
  const web = processService("web");
  const ended = taskOf(web, 4, 704, { nodeId: "n9" });
  const use = networkUse(
    [{ ...HOST1, attachments: [{ network: SHOP, addresses: [], aliases: [], driverAttachmentOpts: {} }] }],
    [taskOf(web, 1), taskOf(web, 2), ended],
  );
  t.deepEqual(use.get(SHOP.id), { nodes: new Set([HOST1.id, HOST2.id]), tasks: 2 });
});
