import { spawn } from "node:child_process";
import { once } from "node:events";
import { inNamespace, type Namespace } from "../../../netns/namespace.js";
import { PacketRuleError } from "../../../netns/packet-filter/errors.js";
import type { PacketRules } from "../../../netns/packet-filter/rules.js";
import type { Bed, Declare } from "./bed.js";
import { ADDRESS, HAS_IPV6, SERVER, shell } from "./network.js";
import { askTcp, askUdp, serve } from "./traffic.js";

const EVERY_RULE: PacketRules = [
  {
    key: "publish/8080",
    hook: "prerouting",
    match: { protocol: "tcp", destinationPorts: [8080, 8082], destinationLocal: true },
    action: { kind: "dnat", address: ADDRESS.server, port: 80 },
  },
  { key: "mark:a", hook: "prerouting", match: { destination: "192.0.2.0/24" }, action: { kind: "mark", value: 0x200 } },
  { key: "mark:b", hook: "output", match: { destination: "192.0.2.0/24" }, action: { kind: "mark", value: 0x300 } },
  { key: "restore", hook: "prerouting", match: {}, action: { kind: "restore-mark", mask: 0xff } },
  { key: "masquerade", hook: "postrouting", match: { notOutInterface: "s0" }, action: { kind: "masquerade" } },
  {
    key: "bogus",
    hook: "prerouting",
    match: { destination: "127.0.0.0/8", notInInterface: "lo" },
    action: { kind: "drop" },
  },
  { key: "refuse/1", hook: "forward", match: { protocol: "udp", destinationPorts: [80] }, action: { kind: "reject" } },
  { key: "refuse/2", hook: "forward", match: { protocol: "tcp", destinationPorts: [81] }, action: { kind: "reject" } },
  {
    key: "v6",
    family: "ip6",
    hook: "input",
    match: { protocol: "tcp", destinationPorts: [8080] },
    action: { kind: "reject" },
  },
];
const RULES = EVERY_RULE.filter(({ family }) => family !== "ip6" || HAS_IPV6);

export function declareUpkeepTests(declare: Declare): void {
  declare("applying twice writes once, and every rule is then present", (t, { network, filter, apply }) => {
    t.deepEqual(states({ network, filter }, RULES), RULES.map(({ key }) => `${key} missing`).sort());
    t.is(apply(network.router, RULES), RULES.length);
    t.is(apply(network.router, RULES), 0);
    t.deepEqual(states({ network, filter }, RULES), RULES.map(({ key }) => `${key} present`).sort());
  });

  declare("observing writes nothing", (t, { network, filter }) => {
    inNamespace(network.router, () => filter.observe(RULES));
    t.deepEqual(states({ network, filter }, []), []);
  });

  declare("what is wanted no more is extra, and goes", async (t, { network, filter, apply }) => {
    apply(network.router, RULES);
    const fewer = RULES.filter(({ key }) => !key.startsWith("refuse"));
    t.deepEqual(
      states({ network, filter }, fewer).filter((state) => state.startsWith("refuse")),
      ["refuse/1 extra", "refuse/2 extra"],
    );
    t.is(await askUdp(network.client, SERVER), "ECONNREFUSED");
    t.true(apply(network.router, fewer) > 0);
    t.is(await askUdp(network.client, SERVER), `server ${ADDRESS.client}`);
    t.false(states({ network, filter }, fewer).some((state) => !state.endsWith("present")));
  });

  declare("a rule that changed under its key is different, and is replaced", async (t, { network, filter, apply }) => {
    apply(network.router, RULES);
    const changed = RULES.map((rule) =>
      rule.key === "refuse/1" ? { ...rule, match: { protocol: "udp", destinationPorts: [82] } as const } : rule,
    );
    t.deepEqual(
      states({ network, filter }, changed).filter((state) => !state.endsWith("present")),
      ["refuse/1 different"],
    );
    t.is(apply(network.router, changed), 1);
    t.is(await askUdp(network.client, SERVER), `server ${ADDRESS.client}`);
  });

  declare("clear leaves nothing, and may be done twice", (t, { network, filter, apply }) => {
    const before = ruleset({ network });
    apply(network.router, RULES);
    t.regex(ruleset({ network }), /tswarm/i);
    for (const _round of [1, 2]) inNamespace(network.router, () => filter.clear());
    t.notRegex(ruleset({ network }), /tswarm/i);
    t.deepEqual(ourLines(ruleset({ network })), ourLines(before));
  });

  declare("rules of others stay as they are", (t, { network, filter, apply }) => {
    const { router } = network;
    const foreign = foreignRules(filter.name);
    shell(router, foreign.add);
    try {
      const before = shell(router, foreign.show);
      t.regex(before, /192\.0\.2\.77/);
      apply(router, RULES);
      t.is(foreignOnly(shell(router, foreign.show)), foreignOnly(before));
      apply(router, RULES.slice(1));
      inNamespace(router, () => filter.clear());
      t.is(foreignOnly(shell(router, foreign.show)), foreignOnly(before));
    } finally {
      shell(router, foreign.remove);
    }
  });

  declare("heals what others removed, and says before what is wrong", async (t, { network, filter, apply }) => {
    const { router, client } = network;
    apply(router, RULES);
    for (const { what, script } of damage(filter.name)) {
      shell(router, script);
      const wrong = states({ network, filter }, RULES).filter((state) => !state.endsWith(" present"));
      t.true(wrong.length > 0, `${what} is seen`);
      t.true(apply(router, RULES) > 0, `${what} is healed`);
      t.is(apply(router, RULES), 0, `${what}: once`);
      t.deepEqual(states({ network, filter }, RULES), RULES.map(({ key }) => `${key} present`).sort(), what);
      t.is(await askTcp(client, { address: ADDRESS.router, port: 8080 }), `server ${ADDRESS.client}`);
      t.is(await askUdp(client, SERVER), "ECONNREFUSED");
    }
  });

  declare("2,000 ports in one rule", async (t, { network, filter, apply }) => {
    const ports = Array.from({ length: 2000 }, (_, index) => 20_000 + index * 3);
    const rules: PacketRules = [
      {
        key: "many",
        hook: "prerouting",
        match: { protocol: "tcp", destination: ADDRESS.router, destinationPorts: ports },
        action: { kind: "dnat", address: ADDRESS.server, port: 80 },
      },
    ];
    apply(network.router, rules);
    t.is(apply(network.router, rules), 0);
    for (const port of [ports[0]!, ports[999]!, ports[1999]!]) {
      t.is(await askTcp(network.client, { address: ADDRESS.router, port }), `server ${ADDRESS.client}`);
    }
    t.is(await askTcp(network.client, { address: ADDRESS.router, port: ports[5]! + 1 }), "ECONNREFUSED");
    t.deepEqual(states({ network, filter }, rules), ["many present"]);
  });

  declare("500 rules, tried in their order", async (t, { network, apply }) => {
    const rules = Array.from({ length: 500 }, (_, index) => ({
      key: `rule/${index}`,
      hook: "prerouting" as const,
      match: { protocol: "tcp" as const, destination: ADDRESS.router, destinationPorts: [20_000 + (index >> 1)] },
      action: { kind: "dnat" as const, address: ADDRESS.server, port: index % 2 === 0 ? 80 : 8099 },
    }));
    apply(network.router, rules);
    t.is(apply(network.router, rules), 0);
    t.is(await askTcp(network.client, { address: ADDRESS.router, port: 20_249 }), `server ${ADDRESS.client}`);
  });

  declare("while rules are replaced again and again, no packet misses the one that stays", async (t, bed) => {
    const { network, apply } = bed;
    const dropped = await serve(network.server, "leak", 9001);
    const stays = {
      key: "stays",
      hook: "forward",
      match: { protocol: "udp", destinationPorts: [9001] },
      action: { kind: "drop" },
    } as const;
    const other = (port: number) =>
      ({
        key: "other",
        hook: "forward",
        match: { protocol: "udp", destinationPorts: [port] },
        action: { kind: "drop" },
      }) as const;
    apply(network.router, [stays, other(1)]);
    const flood = floodUdp(network.client, ADDRESS.server, 9001);
    try {
      await flood.started;
      for (let round = 0; round < 30; round++) {
        apply(network.router, [other(round + 2), stays]);
        t.true(flood.isRunning());
      }
      // Answered by the same path, so all that was sent before has arrived or been dropped.
      t.is(await askUdp(network.client, SERVER), `server ${ADDRESS.client}`);
      t.deepEqual(dropped.received, []);
    } finally {
      await flood.stop();
      dropped.close();
    }
  });

  declare("a rule that no back-end can carry is refused by name, and nothing is written", (t, bed) => {
    const { network, apply, filter } = bed;
    const bad = { key: "bad", hook: "input", match: {}, action: { kind: "masquerade" } } as const;
    const error = t.throws(() => apply(network.router, [...RULES, bad]), { instanceOf: PacketRuleError });
    t.is(error?.key, "bad");
    t.deepEqual(states({ network, filter }, []), []);
  });
}

function states({ network, filter }: Pick<Bed, "network" | "filter">, wanted: PacketRules): string[] {
  return inNamespace(network.router, () => filter.observe(wanted).map(({ key, state }) => `${key} ${state}`)).sort();
}

/** Everything that any of the programs shows in the router. */
function ruleset({ network }: Pick<Bed, "network">): string {
  return shell(
    network.router,
    `for show in "nft list ruleset" iptables-legacy-save ip6tables-legacy-save iptables-nft-save; do $show 2>&1 || true; done`,
  );
}

function ourLines(text: string): string[] {
  return text.split("\n").filter((line) => /tswarm/i.test(line));
}

/** Without our own rules, counters, and the tables' time stamps. */
function foreignOnly(text: string): string {
  return text
    .split("\n")
    .filter((line) => !/tswarm|^#/i.test(line))
    .join("\n")
    .replaceAll(/\[\d+:\d+\]/g, "");
}

function foreignRules(name: Bed["filter"]["name"]): { add: string; show: string; remove: string } {
  if (name === "nftables") {
    return {
      add: `nft -f - <<'END'
table ip other {
  chain pre {
    type nat hook prerouting priority -100;
    ip daddr 192.0.2.77 counter drop
  }
}
END`,
      show: "nft list table ip other",
      remove: "nft delete table ip other",
    };
  }
  return {
    add: `${name} -t nat -A PREROUTING -d 192.0.2.77/32 -j RETURN
          ${name} -t nat -N OTHER
          ${name} -t nat -A OTHER -s 192.0.2.77/32 -m comment --comment "some \\"one\\" else" -j RETURN
          ${name} -A FORWARD -d 192.0.2.77/32 -j ACCEPT`,
    show: `${name}-save -t nat; ${name}-save -t filter`,
    remove: `${name} -t nat -F PREROUTING; ${name} -t nat -F OTHER; ${name} -t nat -X OTHER; ${name} -F FORWARD`,
  };
}

interface Damage {
  readonly what: string;
  readonly script: string;
}

function damage(name: Bed["filter"]["name"]): Damage[] {
  if (name === "nftables") {
    return [
      { what: "a deleted table", script: "nft delete table ip tswarm" },
      { what: "a flushed ruleset", script: "nft flush ruleset" },
      { what: "a flushed chain", script: "nft flush chain ip tswarm filter-forward" },
      { what: "a foreign rule in front", script: "nft insert rule ip tswarm filter-forward accept" },
      { what: "a dormant table", script: "nft add table ip tswarm '{ flags dormant; }'" },
      {
        what: "a policy",
        script: "nft chain ip tswarm filter-forward '{ policy drop; }'",
      },
      {
        what: "a chain that is not at its hook",
        script: `nft flush chain ip tswarm filter-forward
                 nft delete chain ip tswarm filter-forward
                 nft add chain ip tswarm filter-forward
                 nft add rule ip tswarm filter-forward udp dport 80 reject comment '"refuse/1"'`,
      },
      {
        what: "a rule that lies about its key",
        script: `handle=$(nft -a list chain ip tswarm filter-forward | sed -n 's/.*refuse\\/1.*handle //p')
                 nft replace rule ip tswarm filter-forward handle $handle udp dport 83 drop comment '"refuse/1"'`,
      },
      {
        what: "an additional chain",
        script: "nft add chain ip tswarm more '{ type filter hook forward priority 5; policy accept; }'",
      },
    ];
  }
  const jump = "-j TSWARM-FILTER-FORWARD";
  return [
    { what: "a flushed built-in chain", script: `${name} -F FORWARD` },
    { what: "a flushed chain of ours", script: `${name} -F TSWARM-FILTER-FORWARD` },
    { what: "a flushed table", script: `${name} -t nat -F; ${name} -t nat -X` },
    { what: "a second jump", script: `${name} -A FORWARD ${jump}` },
    { what: "a jump in second place", script: `${name} -I FORWARD -s 192.0.2.1/32 -j ACCEPT` },
    { what: "a conditional jump", script: `${name} -D FORWARD ${jump}; ${name} -I FORWARD -p tcp ${jump}` },
    { what: "a foreign rule in our chain", script: `${name} -I TSWARM-FILTER-FORWARD -j ACCEPT` },
    {
      what: "a rule that lies about its key",
      script: `${name} -R TSWARM-FILTER-FORWARD 1 -p udp --dport 83 -m comment --comment refuse/1 -j DROP`,
    },
    {
      what: "rules in another order",
      script: `${name} -D TSWARM-FILTER-FORWARD 1
       ${name} -A TSWARM-FILTER-FORWARD -p udp -m udp --dport 80 -m comment --comment refuse/1 -j REJECT`,
    },
  ];
}

/** A process of its own sends without pause from the client, so that packets flow while rules are written. */
function floodUdp(
  from: Namespace,
  address: string,
  port: number,
): { started: Promise<unknown>; isRunning(): boolean; stop(): Promise<unknown> } {
  const script = `
    const socket = require("node:dgram").createSocket("udp4");
    const send = () => socket.send("leak", ${port}, "${address}", () => setImmediate(send));
    for (let parallel = 0; parallel < 8; parallel++) send();
    process.stdout.write("started");`;
  const child = inNamespace(from, () =>
    spawn(process.execPath, ["-e", script], { stdio: ["ignore", "pipe", "inherit"] }),
  );
  const ended = once(child, "exit");
  return {
    started: once(child.stdout, "data"),
    isRunning: () => child.exitCode === null && child.signalCode === null,
    stop() {
      child.kill("SIGKILL");
      return ended;
    },
  };
}
