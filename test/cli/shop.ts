/** A cluster that tsctl finds, with two services, and what tsctl prints there. */
import type { ExecutionContext } from "ava";
import anyTest, { type TestFn } from "ava";
import { Config, Secret } from "../../src/api/generated/docker/swarmkit/v1/objects.js";
import { TaskState } from "../../src/api/generated/docker/swarmkit/v1/types.js";
import { CLUSTER, HOST1, HOST2, id, processService, SHOP, taskOf } from "./fixtures.js";
import { Peer } from "./peer.js";
import { tsctl } from "./run.js";

export interface Context {
  peer: Peer;
}
export const test = anyTest as TestFn<Context>;

test.beforeEach(async (t) => {
  const peer = await Peer.start();
  const web = processService("web");
  peer.nodes = [HOST2, HOST1];
  peer.networks = [SHOP];
  peer.secrets = [Secret.fromPartial({ id: id("password") })];
  peer.configs = [Config.fromPartial({ id: id("site") })];
  peer.clusters = [CLUSTER];
  peer.manager = { nodeId: HOST1.id };
  peer.services = [web, processService("api", 1)];
  peer.tasks = () => [
    taskOf(web, 3),
    taskOf(web, 2, TaskState.FAILED, { id: id("told"), desiredState: TaskState.SHUTDOWN, err: "exit status 1" }),
    taskOf(web, 2),
    taskOf(web, 1),
  ];
  t.context = { peer };
});
test.afterEach.always((t) => t.context.peer?.stop());

/** Runs tsctl, wants it to succeed in silence, and returns what it prints. */
export async function output(t: ExecutionContext<Context>, ...args: string[]): Promise<string> {
  const { status, stdout, stderr } = await tsctl(t.context.peer, ...args);
  t.is(stderr, "", args.join(" "));
  t.is(status, 0, args.join(" "));
  return stdout;
}

export const json = async (t: ExecutionContext<Context>, ...args: string[]) => JSON.parse(await output(t, ...args));
