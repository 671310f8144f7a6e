import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import { createNamespace, inNamespace, type Namespace, removeNamespace } from "../../../netns/namespace.js";
import { choosePacketFilter } from "../../../netns/packet-filter/choose.js";
import { PacketFilterError } from "../../../netns/packet-filter/errors.js";
import { findIptables } from "../../../netns/packet-filter/iptables-command.js";
import { IptablesFilter } from "../../../netns/packet-filter/iptables-filter.js";
import type { PacketRules } from "../../../netns/packet-filter/rules.js";
import { shell } from "./network.js";

const RULES: PacketRules = [
  { key: "mark", hook: "prerouting", match: {}, action: { kind: "mark", value: 1 } },
  { key: "drop", hook: "prerouting", match: { source: "10.0.0.1" }, action: { kind: "drop" } },
];

let namespace: Namespace;
let folder: string;

test.before(() => {
  namespace = createNamespace(`tsw-pfc${process.pid}`);
  folder = mkdtempSync(join(tmpdir(), "tswarm-iptables-"));
});

test.after.always(() => {
  if (folder) rmSync(folder, { recursive: true });
  if (!namespace) return;
  namespace.close();
  removeNamespace(namespace.name);
});

test.serial("the choice is the first that works, with a reason for each before it, and leaves nothing behind", (t) => {
  const { filter, refused } = inNamespace(namespace, () => choosePacketFilter());
  const order = ["nftables", "iptables-nft", "iptables-legacy"];
  t.deepEqual(
    refused.map(({ name }) => name),
    order.slice(0, order.indexOf(filter.name)) as (typeof filter.name)[],
  );
  for (const { reason } of refused) t.true(reason.length > 0);
  t.deepEqual(
    inNamespace(namespace, () => filter.observe([])),
    [],
  );
  t.notRegex(
    shell(namespace, "(nft list ruleset; iptables-nft-save; iptables-legacy-save) 2>/dev/null || true"),
    /tswarm/i,
  );
});

test.serial("without programs the iptables flavours are refused, and a choice that is not there is an error", (t) => {
  withPath(join(folder, "empty"), () => {
    t.regex(String(findIptables("legacy")), /neither iptables-legacy-restore nor iptables-restore is on PATH/);
    const error = t.throws(() => inNamespace(namespace, () => choosePacketFilter({ only: "iptables-nft" })), {
      instanceOf: PacketFilterError,
    });
    t.regex(error?.message ?? "", /no packet filter works here: iptables-nft: neither/);
  });
});

test.serial("the plain programs count as the flavour that they say they are", (t) => {
  const plain = join(folder, "plain");
  mkdirSync(plain);
  script(join(plain, "iptables-restore"), 'echo "iptables-restore v1.8.9 (legacy)"');
  withPath(plain, () => {
    const found = findIptables("legacy");
    t.is(typeof found === "string" ? found : found.restore.ip, "iptables-restore");
    t.regex(String(findIptables("nft")), /iptables-restore is iptables-restore v1.8.9 \(legacy\)/);
  });
  script(join(plain, "iptables-restore"), 'echo "iptables-restore v1.8.9 (nf_tables)"');
  withPath(plain, () => {
    const found = findIptables("nft");
    t.is(typeof found === "string" ? found : found.save.ip6, "ip6tables-save");
  });
});

test.serial("a program that fails is told with what it said and the line that it refused", (t) => {
  const failing = join(folder, "failing");
  mkdirSync(failing);
  script(join(failing, "iptables-legacy-restore"), 'echo "iptables-restore: line 2 failed" >&2; exit 1');
  const commands = {
    flavour: "legacy",
    save: { ip: "true", ip6: "true" },
    restore: { ip: join(failing, "iptables-legacy-restore"), ip6: "false" },
  } as const;
  const error = t.throws(() => inNamespace(namespace, () => new IptablesFilter(commands).apply(RULES)), {
    instanceOf: PacketFilterError,
  });
  t.regex(error?.message ?? "", /exit status 1: iptables-restore: line 2 failed \(:TSWARM-MARK-PREROUTING - \[0:0\]\)/);
});

test.serial("a version that prints rules otherwise does not make the filter write for ever", (t) => {
  const real = findIptables("legacy");
  if (typeof real === "string") {
    t.log(`skipped: ${real}`);
    t.pass();
    return;
  }
  const odd = join(folder, "odd-save");
  script(odd, `${real.save.ip} | sed 's/--set-xmark/--set-mark/; s,10.0.0.1/32,10.0.0.1,'`);
  const filter = new IptablesFilter({ ...real, save: { ip: odd, ip6: odd } });
  const apply = (rules: PacketRules) => inNamespace(namespace, () => filter.apply(rules).changed);
  t.is(apply(RULES), 2, "written");
  t.is(apply(RULES), 2, "taken for changed, written again and read back");
  t.is(apply(RULES), 0, "known by now");
  const states = () => inNamespace(namespace, () => filter.observe(RULES).map(({ state }) => state));
  t.deepEqual(states(), ["present", "present"]);
  shell(
    namespace,
    "iptables-legacy -t mangle -R TSWARM-MARK-PREROUTING 1 -m comment --comment mark -j MARK --set-mark 2",
  );
  t.deepEqual(states(), ["different", "present"]);
  t.true(apply(RULES) > 0);
  t.is(apply(RULES), 0);
  inNamespace(namespace, () => filter.clear());
});

function script(file: string, body: string): void {
  writeFileSync(file, `#!/bin/sh\n${body}\n`);
  chmodSync(file, 0o755);
}

function withPath(path: string, work: () => void): void {
  const before = process.env.PATH;
  process.env.PATH = path;
  try {
    work();
  } finally {
    process.env.PATH = before;
  }
}
