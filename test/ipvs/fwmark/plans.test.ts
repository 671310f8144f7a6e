import test from "ava";
import { ruleChanges, rulesAreAsWanted, rulesRebuilt } from "../../../ipvs/fwmark/family-rules.js";
import { planIpvs } from "../../../ipvs/fwmark/ipvs-plan.js";
import { type IpvsState, wantedIpvs } from "../../../ipvs/fwmark/ipvs-state.js";
import { chainRules, waysOfRules } from "../../../ipvs/fwmark/mark-rules.js";
import {
  changeInput,
  clearInput,
  isAsWanted,
  NO_RULES,
  rebuildInput,
  rulesOfSave,
  takeDownInput,
} from "../../../ipvs/fwmark/restore-plan.js";
import { ipvsSettings } from "../../../ipvs/fwmark/settings.js";
import type { VirtualService } from "../../../ipvs/load-balancer.js";
import { serviceChanges } from "../../../ipvs/service-changes.js";
import { NO_WAYS, wantedWays } from "../../../ipvs/ways.js";
import { describeOperation } from "../../../native-bindings/ipvs/socket.js";
import { parseIptablesSave } from "../../../netns/packet-filter/iptables-save.js";
import { A, A6, B, TCP80, web, web6 } from "../services.js";

function plan(before: readonly VirtualService[], after: readonly VirtualService[]) {
  const { build, remove } = planIpvs(wantedIpvs(before), wantedIpvs(after));
  return { build: build.map(describeOperation), remove: remove.map(describeOperation) };
}

const tables = [
  {
    title: "a new service comes before its destinations",
    before: [],
    after: [web(300, { [A]: 1 })],
    build: ["add IPVS service fwmark 300", `add destination ${A}:0 weight 1 of IPVS service fwmark 300`],
    remove: [],
  },
  {
    title: "a service goes as a whole",
    before: [web(300, { [A]: 1, [B]: 1 })],
    after: [],
    build: [],
    remove: ["delete IPVS service fwmark 300"],
  },
  {
    title: "a destination replaced: the new one first",
    before: [web(300, { [A]: 1 })],
    after: [web(300, { [B]: 1 })],
    build: [`add destination ${B}:0 weight 1 of IPVS service fwmark 300`],
    remove: [`delete destination ${A}:0 weight 1 of IPVS service fwmark 300`],
  },
  {
    title: "draining and back: the destination is set, never added again",
    before: [web(300, { [A]: 0 })],
    after: [web(300, { [A]: 1 })],
    build: [`set destination ${A}:0 weight 1 of IPVS service fwmark 300`],
    remove: [],
  },
  {
    title: "unequal weights need another scheduler",
    before: [web(300, { [A]: 1, [B]: 1 })],
    after: [web(300, { [A]: 1, [B]: 2 })],
    build: ["set IPVS service fwmark 300", `set destination ${B}:0 weight 2 of IPVS service fwmark 300`],
    remove: [],
  },
  {
    title: "draining needs none",
    before: [web(300, { [A]: 1, [B]: 1 })],
    after: [web(300, { [A]: 0, [B]: 1 })],
    build: [`set destination ${A}:0 weight 0 of IPVS service fwmark 300`],
    remove: [],
  },
  {
    title: "IPv6 beside IPv4: services of their own",
    before: [web(300, { [A]: 1 })],
    after: [web(300, { [A]: 1 }), web6(301, { [A6]: 1 })],
    build: [
      "add IPVS service fwmark 301 of ipv6",
      `add destination [${A6}]:0 weight 1 of IPVS service fwmark 301 of ipv6`,
    ],
    remove: [],
  },
  {
    title: "a mark that goes from one family to the other",
    before: [web(300, { [A]: 1 })],
    after: [web6(300, { [A6]: 1 })],
    build: [
      "add IPVS service fwmark 300 of ipv6",
      `add destination [${A6}]:0 weight 1 of IPVS service fwmark 300 of ipv6`,
    ],
    remove: ["delete IPVS service fwmark 300"],
  },
];
for (const { title, before, after, build, remove } of tables) {
  test(title, (t) => t.deepEqual(plan(before, after), { build, remove }));
}

test("a destination with another forwarding method or limits is set right", (t) => {
  const wanted = wantedIpvs([web(300, { [A]: 1 })]);
  const service = wanted.get("fwmark 300")!;
  const [name, destination] = [...service.destinations][0]!;
  for (const fault of [{ forwarding: "route" as const }, { upperThreshold: 5 }, { weight: 9 }]) {
    const actual: IpvsState = new Map([
      ["fwmark 300", { ...service, destinations: new Map([[name, { ...destination, ...fault }]]) }],
    ]);
    t.deepEqual(
      planIpvs(actual, wanted).build.map(({ kind }) => kind),
      ["set-destination"],
    );
  }
  t.deepEqual(
    planIpvs(new Map([["fwmark 300", { ...service, plain: false }]]), wanted).build.map(({ kind }) => kind),
    ["set-service"],
  );
});

const services = [
  web(300, { [A]: 1 }, { published: TCP80 }),
  web(301, {}, { published: [{ protocol: "udp", port: 53 }] }),
];
const FULL = `*filter
:TSWARM-LB-NOW - [0:0]
:TSWARM-LB-REFUSE - [0:0]
-A TSWARM-LB-NOW -p icmp -j RETURN
-A TSWARM-LB-NOW -p tcp -j REJECT --reject-with tcp-reset
-A TSWARM-LB-NOW -j REJECT --reject-with icmp-port-unreachable
-A TSWARM-LB-REFUSE -d 10.99.0.0/32 -j TSWARM-LB-NOW
-A TSWARM-LB-REFUSE -d 10.99.0.1/32 -j TSWARM-LB-NOW
-A TSWARM-LB-REFUSE -p udp -m udp --dport 53 -j TSWARM-LB-NOW
-I INPUT -m conntrack --ctstate INVALID,NEW -j TSWARM-LB-REFUSE
COMMIT
*mangle
:TSWARM-LB-CALL - [0:0]
:TSWARM-LB-ARRIVE - [0:0]
-A TSWARM-LB-CALL -d 10.99.0.0/32 -j MARK --set-xmark 0x12c/0xffffffff
-I OUTPUT -j TSWARM-LB-CALL
-A TSWARM-LB-ARRIVE -p tcp -m tcp --dport 80 -j MARK --set-xmark 0x12c/0xffffffff
-I PREROUTING -m addrtype --dst-type LOCAL -j TSWARM-LB-ARRIVE
COMMIT
`;

/** What iptables-save would show after that input. */
function saved(input: string) {
  const chains = { filter: ["INPUT"], mangle: ["OUTPUT", "PREROUTING"] };
  const text = input
    .replaceAll("-I ", "-A ")
    .replaceAll(/^\*(\w+)$/gm, (line, table: keyof typeof chains) =>
      [line, ...chains[table].map((name) => `:${name} ACCEPT [0:0]`)].join("\n"),
    );
  return rulesOfSave(parseIptablesSave(text), "ip");
}

test("rules from nothing: one input, refusal before marks", (t) => {
  t.is(rebuildInput(NO_RULES, wantedWays(services), "ip"), FULL);
});

test("rules in place are left alone, in any order; every damage is seen and mended", (t) => {
  const wanted = wantedWays(services);
  t.true(isAsWanted(saved(FULL), wanted, "ip"));
  const lines = FULL.split("\n").filter((line) => line.startsWith("-"));
  for (const line of lines) {
    const without = saved(FULL.replace(`${line}\n`, ""));
    t.false(isAsWanted(without, wanted, "ip"), line);
    t.true(rebuildInput(without, wanted, "ip").includes(line), line);
  }
  const swapped = FULL.replace(/(-A TSWARM-LB-REFUSE -d 10.99.0.0.*\n)(-A TSWARM-LB-REFUSE -d 10.99.0.1.*\n)/, "$2$1");
  t.not(swapped, FULL);
  t.true(isAsWanted(saved(swapped), wanted, "ip"));
  const twice = saved(FULL.replace("-I OUTPUT -j TSWARM-LB-CALL\n", "-I OUTPUT -j TSWARM-LB-CALL\n".repeat(2)));
  t.is(rebuildInput(twice, wanted, "ip").match(/-D OUTPUT -j TSWARM-LB-CALL/g)?.length, 2);
});

test("a change names only the lines that come or go", (t) => {
  const [before, after] = [
    wantedWays([web(300, { [A]: 1 }), web(301, {})]),
    wantedWays([web(300, { [A]: 0 }), web(301, { [B]: 1 })]),
  ];
  t.is(
    changeInput(before, after, "ip"),
    `*mangle
-D TSWARM-LB-CALL -d 10.99.0.0/32 -j MARK --set-xmark 0x12c/0xffffffff
-A TSWARM-LB-CALL -d 10.99.0.1/32 -j MARK --set-xmark 0x12d/0xffffffff
COMMIT
`,
  );
  t.is(changeInput(before, before, "ip"), "");
});

test("clearing takes jumps, rules and chains away; where there are none it writes nothing", (t) => {
  const input = clearInput(saved(FULL));
  for (const line of [
    "-D INPUT -m conntrack --ctstate INVALID,NEW -j TSWARM-LB-REFUSE",
    "-X TSWARM-LB-REFUSE",
    "-X TSWARM-LB-NOW",
    "-D OUTPUT -j TSWARM-LB-CALL",
    "-X TSWARM-LB-CALL",
    "-X TSWARM-LB-ARRIVE",
  ]) {
    t.true(input.includes(`\n${line}\n`), line);
  }
  t.is(clearInput(NO_RULES), "");
});

const FULL6 = `*filter
:TSWARM-LB-NOW - [0:0]
:TSWARM-LB-REFUSE - [0:0]
-A TSWARM-LB-NOW -p ipv6-icmp -j RETURN
-A TSWARM-LB-NOW -p tcp -j REJECT --reject-with tcp-reset
-A TSWARM-LB-NOW -j REJECT --reject-with icmp6-port-unreachable
-A TSWARM-LB-REFUSE -d fd00:99::2/128 -j TSWARM-LB-NOW
-I INPUT -m conntrack --ctstate INVALID,NEW -j TSWARM-LB-REFUSE
COMMIT
*mangle
:TSWARM-LB-CALL - [0:0]
-A TSWARM-LB-CALL -d fd00:99::2/128 -j MARK --set-xmark 0x12d/0xffffffff
-I OUTPUT -j TSWARM-LB-CALL
COMMIT
`;
const [ONE, SIX, SEVEN] = [web(300, { [A]: 1 }), web6(301, { [A6]: 1 }), web6(302, {})];
const families: readonly {
  readonly title: string;
  readonly before: readonly VirtualService[];
  readonly after: readonly VirtualService[];
  readonly ip6: string;
}[] = [
  { title: "the first service of IPv6 brings its chains", before: [ONE], after: [ONE, SIX], ip6: FULL6 },
  {
    title: "another one brings lines",
    before: [ONE, SIX],
    after: [ONE, SIX, SEVEN],
    ip6: "*filter\n-A TSWARM-LB-REFUSE -d fd00:99::3/128 -j TSWARM-LB-NOW\nCOMMIT\n",
  },
  { title: "the last one takes them away", before: [ONE, SIX], after: [ONE], ip6: takeDownInput("ip6") },
  { title: "what changes in IPv4 asks for none", before: [ONE, SIX], after: [web(300, { [A]: 0 }), SIX], ip6: "" },
  { title: "without IPv6 there is nothing to write", before: [], after: [ONE], ip6: "" },
];
for (const { title, before, after, ip6 } of families) {
  test(`rules by family: ${title}`, (t) => {
    const changes = ruleChanges(serviceChanges(before, after), before, after);
    t.is(changes.find(({ family }) => family === "ip6")?.input, ip6);
    t.is(changes.find(({ family }) => family === "ip")?.input === "", before[0] === after[0]);
  });
}

test("rules of IPv6 that nobody wants are seen, and taken away", (t) => {
  const found = { ip: NO_RULES, ip6: saved(FULL6) };
  t.false(rulesAreAsWanted(found, []));
  t.is(rulesRebuilt(found, [])[1]?.input, takeDownInput("ip6"));
  t.is(rulesRebuilt(found, [SIX])[1]?.input, "");
});

test("rules say what ways they are", (t) => {
  const ways = wantedWays(services);
  t.deepEqual(waysOfRules(chainRules(ways, "ip")), ways);
  const ways6 = wantedWays([web6(300, { [A6]: 1 }), web6(301, {})]);
  t.is(ways6.virtualServices.size, 1);
  t.deepEqual(waysOfRules(chainRules(ways6, "ip6")), ways6);
  t.deepEqual(waysOfRules(new Map()), NO_WAYS);
});

test("settings follow the kernel: a reused port is scheduled anew where that loses no packet", (t) => {
  const reuse = (release: string) => new Map(ipvsSettings(release)).get("net/ipv4/vs/conn_reuse_mode");
  t.is(reuse("5.8.0-1"), "0");
  t.is(reuse("4.19.0"), "0");
  t.is(reuse("5.9.0"), "1");
  t.is(reuse("6.1.0-50-amd64"), "1");
});
