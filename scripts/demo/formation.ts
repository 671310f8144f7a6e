/** The step of the demo in which three hosts become a cluster: two commands, certificates for everybody, two processes for each node. */
import { execFileSync, spawnSync } from "node:child_process";
import { join, resolve } from "node:path";
import type { Cluster } from "../fabric/cluster.js";
import type { Stage } from "./stage.js";

const CONTROL = resolve(import.meta.dirname, "../../src/cli/main.js");
const JOIN_LIMIT_MS = 10_000;

export async function formCluster(cluster: Cluster, stage: Stage): Promise<void> {
  const [first, ...others] = cluster.hosts;
  for (const host of cluster.hosts) await cluster.startWaiting(host.name);
  tsctl(cluster, stage, first!.name, "init", "--advertise-addr", "eth0");
  stage.title("The line that it prints for managers, run on the other hosts");
  const shown = cluster.control(["join-token", "manager"], first!.name);
  const line = /^ +tsctl (join .*)$/m.exec(shown)?.[1];
  if (!line) throw new Error("no line to join by was printed");
  for (const host of others) {
    const begun = performance.now();
    tsctl(cluster, stage, host.name, ...line.split(" "));
    const seconds = (performance.now() - begun) / 1000;
    stage.check(`${host.name} is a node after ${seconds.toFixed(1)} s`, seconds * 1000 <= JOIN_LIMIT_MS);
  }
  await cluster.untilReady();
  showIdentity(cluster, stage);
}

/** Who runs as whom, and who is let in. */
function showIdentity(cluster: Cluster, stage: Stage): void {
  const [host] = cluster.hosts;
  const { name } = host!;
  stage.title("A node is two processes: the agent, which owns the kernel, and the manager, which owns nothing");
  const pids = `${cluster.pid(name)},${cluster.managerPid(name)}`;
  const processes = execFileSync("ps", ["-o", "user:8,pid,args", "-ww", "-p", pids], { encoding: "utf8" });
  stage.say(processes.replaceAll(process.execPath, "node").replace(/^(.{110}).+$/gm, "$1 …"));
  stage.check("the agent is root, the manager is not", /^root /m.test(processes) && /^nobody /m.test(processes));

  stage.title("Each has a certificate of its own, and the port for nodes wants to see one");
  for (const [who, folder] of [
    ["agent", cluster.stateDir(name)],
    ["manager", join(cluster.stateDir(name), "manager")],
  ] as const) {
    const file = join(folder, "certificates", "swarm-node.crt");
    const facts = openssl("x509", "-in", file, "-noout", "-subject", "-enddate").stdout.trim().replace("\n", ", ");
    stage.say(`  ${who.padEnd(8)} ${facts}`);
    stage.check(`the ${who}'s says what it is`, facts.includes(`swarm-${who === "agent" ? "worker" : "manager"}`));
  }
  const address = cluster.remoteAddress(name);
  const root = join(cluster.stateDir(name), "certificates", "swarm-root-ca.crt");
  const session = cluster.run("client", [
    ...[
      "sh",
      "-c",
      `openssl s_client -connect ${address} -servername swarm-manager -alpn h2 -CAfile ${root} </dev/null 2>&1`,
    ],
  ]);
  const lines = session.split("\n").filter((line) => /^(subject=|Verification|New, |ALPN)/.test(line));
  stage.say(lines.map((line) => `  ${line}`).join("\n"));
  stage.check("it proves by the cluster's root that it is a manager", /Verification: OK/.test(session));
  const stranger = ["env", `TSWARM_HOST=${address}`, process.execPath, CONTROL, "node", "ls"];
  const { status, stderr } = spawnSync(
    "nsenter",
    [`--net=/run/netns/${cluster.host("client").namespace}`, ...stranger],
    {
      encoding: "utf8",
    },
  );
  stage.command(`tsctl -s ${address} node ls   # by a stranger`, stderr);
  stage.check("a stranger is refused", status !== 0 && /Permission denied/.test(stderr));
}

function openssl(...args: readonly string[]) {
  return spawnSync("openssl", [...args], { encoding: "utf8" });
}

function tsctl(cluster: Cluster, stage: Stage, host: string, ...args: readonly string[]): void {
  stage.command(`${host}# tsctl ${args.join(" ")}`, cluster.control(args, host));
}
