import { spawn } from "node:child_process";
import { randomInt } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { namespacePrefix } from "../../netns/names.js";
import { listNamespaces } from "../../netns/namespace.js";
import type { NodeWanted } from "../../overlay/wanted.js";
import { kernelTest } from "../kernel/kernel-test.js";
import { probe } from "../kernel/probes.js";
import { HostBed, pings, pings6, run } from "./host-bed.js";
import { sampleCluster } from "./sample-cluster.js";

const HAS_IPV6 = probe("ipv6") === undefined;
const KILLS = Number(process.env.TSWARM_OVERLAY_KILLS ?? 20);
/** Longest time that a child may work before it is killed: some five rounds through all states. */
const LONGEST_LIFE_MS = 400;

kernelTest(
  `killed ${KILLS} times at random points while applying, the next start converges and leaves nothing extra`,
  { needs: ["vxlan", "bridge", "native-speed"] },
  async (t) => {
    t.timeout(60_000 + KILLS * 5_000);
    const bed = new HostBed({ hosts: 2 });
    t.teardown(() => bed.remove());
    const folder = mkdtempSync(join(tmpdir(), "overlay-crash-"));
    t.teardown(() => rmSync(folder, { recursive: true }));
    const [host, other] = bed.hosts;
    const cluster = sampleCluster(bed.hosts, { networks: 2, ipv6: HAS_IPV6 });
    const [wanted] = cluster.wanted;
    other!.reconcile(cluster.wanted[1]!);
    const states = join(folder, "states.json");
    writeFileSync(states, JSON.stringify(variations(wanted!)));
    const linksBefore = hostLinks(host!.namespace);
    let unfinished = 0;
    for (let kill = 1; kill <= KILLS; kill++) {
      const life = randomInt(LONGEST_LIFE_MS);
      await workFor(life, [host!.namespace, host!.nodeId, states]);
      if (host!.drift(wanted!).length > 0) unfinished++;
      const when = `kill ${kill} after ${life} ms`;
      const { failures, drift } = host!.reconcile(wanted!);
      t.deepEqual([failures.map(({ text }) => text), drift], [[], []], when);
      t.is(host!.reconcile(wanted!).done, 0, when);
      t.is(listNamespaces(namespacePrefix(host!.nodeId)).length, 3, when);
      // The bridge and one gateway leg.
      t.is(hostLinks(host!.namespace).length, linksBefore.length + 2, when);
      t.true(pings(cluster.sandboxes[0]!, cluster.address(1, 1), 1450), when);
      if (HAS_IPV6) t.true(pings6(cluster.sandboxes[0]!, cluster.address6(1, 1), 1450), when);
    }
    t.true(unfinished > 0, "no kill met a state other than the wanted one");
    t.log(`${unfinished} of ${KILLS} kills left work to do`);
  },
);

/** Starts the child, lets it work, kills it, and waits until it is gone. */
async function workFor(lifeMs: number, args: readonly string[]): Promise<void> {
  const script = fileURLToPath(new URL("./crash-child.js", import.meta.url));
  const child = spawn(process.execPath, [script, ...args], { stdio: ["ignore", "pipe", "inherit"] });
  const gone = once(child, "exit");
  try {
    await Promise.race([once(child.stdout, "data"), gone]);
    await pause(lifeMs);
  } finally {
    child.kill("SIGKILL");
  }
  const [status, signal] = (await gone) as [number | null, string | null];
  if (signal !== "SIGKILL") throw new Error(`the child ended by itself with status ${status}`);
}

/** Nothing; everything; another VNI, MTU and remote; a sandbox more; a network less. */
function variations(wanted: NodeWanted): readonly NodeWanted[] {
  const [network, second] = wanted.networks;
  const [sandbox] = wanted.sandboxes;
  const moved = network!.remotes.map((remote) => ({ ...remote, tunnelAddress: "192.168.200.77" }));
  const more = {
    ...sandbox!,
    id: "second",
    interfaces: [{ networkId: network!.id, name: "eth0", addressPrefix: "10.77.0.60/24", mac: "02:42:0a:4d:00:3c" }],
    gateway: { name: "eth1", addressPrefix: "172.31.0.60/24" },
  };
  return [
    wanted,
    { ...wanted, networks: [{ ...network!, vni: 5000, mtu: 1400, remotes: moved }, second!] },
    { ...wanted, sandboxes: [sandbox!, more] },
    { ...wanted, networks: [network!], sandboxes: [more] },
    { ...wanted, networks: [], sandboxes: [] },
  ];
}

function hostLinks(namespace: string): readonly string[] {
  return run("ip", "-n", namespace, "-br", "link").trim().split("\n");
}
