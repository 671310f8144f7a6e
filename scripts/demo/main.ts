/**
 * The main job, live: two commands make a cluster of three hosts that all of them manage, a service with three replicas starts, and its
 * published port answers on every host. Then a task is killed under load, the host that leads is lost and comes back, and the kernel is
 * tampered with.
 */
import { parseArgs } from "node:util";
import { Cluster } from "../fabric/cluster.js";
import { Demonstration } from "./demonstration.js";
import { formCluster } from "./formation.js";
import { Stage } from "./stage.js";

const HOSTS = ["host1", "host2", "host3"];

const { values } = parseArgs({ options: { stay: { type: "boolean", default: false } } });
const stage = new Stage(process.stdout);
const abort = new AbortController();
let cluster: Cluster | undefined;
let leaving: Promise<void> | undefined;

/** Removes everything once, whoever asks first. */
function leave(): Promise<void> {
  leaving ??= (async () => {
    if (!cluster) return;
    stage.say("Removing the hosts, the cluster and everything that it made in the kernel.");
    await cluster.remove();
  })();
  return leaving;
}

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.on(signal, () => {
    abort.abort();
    void leave().then(() => process.exit(130));
  });
}

try {
  stage.title("Three hosts, all of them managers, and a client, joined by one bridge");
  cluster = Cluster.prepare({
    tag: `d${process.pid % 100000}`,
    hosts: HOSTS,
    managers: HOSTS,
    clients: ["client"],
  });
  await formCluster(cluster, stage);
  const demonstration = new Demonstration(cluster, stage, abort.signal);
  await demonstration.run();
  if (values.stay) {
    stage.say(
      `\nIt runs on. In another terminal:\n\n  export TSWARM_HOST=${cluster.socket}\n  npx tsctl service scale web=5\n  npx tsctl net inspect shop\n  ip netns exec ${cluster.host("client").namespace} curl ${cluster.hosts[1]!.address}:8080\n\nCtrl-C here removes everything.`,
    );
    await new Promise((wake) => abort.signal.addEventListener("abort", wake));
  }
  await leave();
  stage.summary();
} catch (error) {
  if (!abort.signal.aborted) {
    stage.say(`\nThe demo failed: ${(error as Error).message}`);
    if (cluster) stage.say(cluster.logs());
    await leave();
    process.exitCode = 1;
  }
}
