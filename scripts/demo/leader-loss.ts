/** The step of the demo in which the host that leads the cluster is lost, and comes back. */

import { type ServiceError, status } from "@grpc/grpc-js";
import type { Cluster } from "../fabric/cluster.js";
import { createService } from "../fabric/control-client.js";
import { spreadTable } from "./answers.js";
import { RequestStream } from "./request-stream.js";
import type { Stage } from "./stage.js";

const WRITE_LIMIT_MS = 5000;
const BACK_LIMIT_MS = 20_000;
const REQUEST_PAUSE_MS = 10;
const ANSWERS_AFTER = 100;
const ADDED = "added";

export async function loseLeader(cluster: Cluster, stage: Stage): Promise<void> {
  const leader = await cluster.leaderName();
  if (leader === undefined) throw new Error("the cluster has no leader");
  stage.title(`${leader} leads: its manager and its daemon are killed under a steady stream of requests`);
  const rest = cluster.hosts.filter((host) => host.name !== leader);
  const asked = rest[0]!.name;
  const streams = rest.map(
    (host) => new RequestStream(cluster, "client", `http://${host.address}:8080/`, REQUEST_PAUSE_MS),
  );
  try {
    await cluster.until("the streams run", () => streams.every(({ results }) => results.length >= 50));
    cluster.killManager(leader);
    const killedAt = Date.now();
    await cluster.stopDaemon(leader, "SIGKILL");
    stage.say(`  killed; a service is created at once, by the manager on ${asked}`);
    const service = {
      name: ADDED,
      replicas: 1,
      command: ["sleep", "infinity"],
      constraints: [`node.hostname==${asked}`],
    };
    await cluster.until("a write is taken", () => isTaken(() => createService(cluster.socketOf(asked), service)));
    const tookMs = Date.now() - killedAt;
    stage.check(`the write was taken ${(tookMs / 1000).toFixed(1)} s after the kill`, tookMs <= WRITE_LIMIT_MS);
    show(cluster, stage, asked, "node", "ls");
    const before = streams.map(({ results }) => results.length);
    await cluster.until("requests go on", () =>
      streams.every(({ results }, at) => results.length >= before[at]! + ANSWERS_AFTER),
    );
    for (const [at, { results, failed }] of streams.entries()) {
      const after = results.filter(({ started }) => started > killedAt);
      stage.say(spreadTable(`${rest[at]!.name}, since the kill`, after));
      stage.check(
        `${rest[at]!.name}: none of ${results.length} requests failed, and all three replicas answer, the one on ${leader} too`,
        failed.length === 0 && new Set(after.map(({ answer }) => answer)).size === 3,
      );
    }
    await comeBack(cluster, stage, leader, asked);
    for (const [at, { results, failed }] of streams.entries()) {
      stage.check(`${rest[at]!.name}: none of ${results.length} requests failed until then`, failed.length === 0);
    }
  } finally {
    await Promise.all(streams.map((stream) => stream.stop()));
  }
}

/** While nobody leads writes are refused; a try whose outcome nobody knew may have been made after all. */
async function isTaken(write: () => Promise<unknown>): Promise<boolean> {
  try {
    await write();
    return true;
  } catch (error) {
    const { code } = error as Partial<ServiceError>;
    if (code === status.ALREADY_EXISTS) return true;
    if (code === status.UNAVAILABLE || code === status.ABORTED) return false;
    throw error;
  }
}

async function comeBack(cluster: Cluster, stage: Stage, name: string, asked: string): Promise<void> {
  const started = Date.now();
  stage.say(
    `$ tswarmd -d ${cluster.stateDir(name)} …   # on ${name}, as it was started at first, without saying whom to join`,
  );
  await cluster.startDaemon(name);
  await cluster.until(
    `${name} is back`,
    () => {
      const services = JSON.parse(cluster.control(["service", "ls", "--format", "json"], name)) as { name: string }[];
      const nodes = JSON.parse(cluster.control(["node", "ls", "--format", "json"], asked)) as NodeRow[];
      return (
        services.some((service) => service.name === ADDED) &&
        nodes.every((node) => node.status === "ready" && /^(leader|reachable)$/.test(node.managerStatus)) &&
        /no drift/i.test(cluster.control(["net", "inspect", "shop"], asked))
      );
    },
    BACK_LIMIT_MS,
  );
  const tookMs = Date.now() - started;
  stage.check(
    `${name} manages again ${(tookMs / 1000).toFixed(1)} s after its start, and knows what it missed`,
    tookMs <= BACK_LIMIT_MS,
  );
  show(cluster, stage, name, "node", "ls");
  cluster.control(["service", "rm", ADDED], name);
}

interface NodeRow {
  readonly status: string;
  readonly managerStatus: string;
}

function show(cluster: Cluster, stage: Stage, host: string, ...args: readonly string[]): void {
  stage.command(`tsctl ${args.join(" ")}   # on ${host}`, cluster.control(args, host));
}
