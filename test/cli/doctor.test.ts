import test from "ava";
import { type Check, judge } from "../../src/cli/doctor/verdict.js";
import { Peer } from "./peer.js";
import { start, tsctl } from "./run.js";

const check = (name: string, need: Check["need"], state: Check["state"] = "yes"): Check => ({
  name,
  need,
  state,
  describe: "",
  minimumKernel: "",
  reason: `${name} refused`,
});
const whole = [
  check("netns", "all nodes"),
  check("vxlan", "all nodes"),
  check("nf_tables", "load balancer"),
  check("ipvs", "load balancer", "no"),
  check("filter nftables", "packet filter"),
  check("nsenter", "process tasks"),
  check("esp", "optional", "no"),
];
const without = (name: string, state: Check["state"] = "no") =>
  whole.map((one) => (one.name === name ? { ...one, state } : one));

const rows: readonly (readonly [string, readonly Check[], boolean, RegExp])[] = [
  ["all", whole, true, /^this host can be a node: load balancer nf_tables, packet filter nftables$/],
  ["no VXLAN", without("vxlan"), false, /^this host cannot be a node: vxlan: vxlan refused$/],
  ["no namespace", without("netns"), false, /cannot be a node: netns: netns refused$/],
  ["no load balancer", without("nf_tables"), false, /neither IPVS nor nf_tables/],
  ["no packet filter", without("filter nftables"), false, /no packet filter works here/],
  ["no nsenter", without("nsenter"), true, /cannot run tasks of the process runtime for want of nsenter$/],
];

for (const [title, checks, usable, text] of rows) {
  test(`verdict: ${title}`, (t) => {
    const verdict = judge(checks);
    t.is(verdict.usable, usable);
    t.regex(verdict.text, text);
  });
}

const asRoot = process.getuid?.() === 0 ? test : test.skip;

asRoot("doctor probes the kernel, and tells that no daemon answers", async (t) => {
  const { status, stdout, stderr } = await tsctl(undefined, "doctor", "-s", "/nonexistent/sock", "--format", "json");
  t.is(stderr, "");
  const { checks, daemon, usable } = JSON.parse(stdout) as {
    checks: Check[];
    daemon: { error: string };
    usable: boolean;
  };
  t.is(status, usable ? 0 : 1);
  t.regex(daemon.error, /^Cannot connect to the tswarm daemon at \/nonexistent\/sock\./);
  const names = checks.map(({ name }) => name);
  for (const name of ["netns", "vxlan", "bridge", "veth", "ipvs", "esp", "filter nftables", "nsenter"]) {
    t.true(names.includes(name), name);
  }
  t.is(checks.find(({ name }) => name === "netns")?.state, "yes");
  for (const { name, state, reason } of checks) {
    t.not(state, "unknown", name);
    t.true(reason !== "", name);
  }
});

asRoot("without root nothing can be probed, and doctor says so", async (t) => {
  const nobody = 65_534;
  const { status, stdout } = await start(["doctor", "--format", "json"], {}, { uid: nobody }).outcome;
  t.is(status, 1);
  const { checks, verdict } = JSON.parse(stdout) as { checks: Check[]; verdict: string };
  t.regex(verdict, /cannot be a node: netns: .*EPERM/);
  t.is(checks.find(({ name }) => name === "vxlan")?.state, "unknown");
});

asRoot("doctor finds the daemon, and prints a table", async (t) => {
  const peer = await Peer.start();
  try {
    const { stdout } = await tsctl(peer, "doctor");
    t.true(stdout.includes(`answers at ${peer.socket}\n`));
    t.regex(stdout, /^FEATURE +HERE +NEEDED FOR +KERNEL +WHAT IT IS/m);
    t.regex(stdout, /^netns +yes +all nodes/m);
  } finally {
    peer.stop();
  }
});
