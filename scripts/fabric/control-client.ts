/** The control API of a cluster on the fabric, for what must not wait for a command to start. */
import type { Client, ServiceError } from "@grpc/grpc-js";
import { callUnary, openChannel, type UnaryMethod } from "../../src/api/client-call.js";
import { ControlService } from "../../src/api/generated/docker/swarmkit/v1/control.js";
import { HealthService } from "../../src/api/generated/docker/swarmkit/v1/health.js";
import { ServiceSpec } from "../../src/api/generated/docker/swarmkit/v1/specs.js";
import {
  NodeRole,
  NodeStatus_State,
  PortConfig_Protocol,
  RaftMemberStatus_Reachability,
} from "../../src/api/generated/docker/swarmkit/v1/types.js";
import { LocalManagerService, ManagerState } from "../../src/api/generated/tswarm/v1/manager.js";
import { ProcessSpec } from "../../src/api/generated/tswarm/v1/process.js";
import { grpcTarget, trustingCredentials } from "../../src/security/transport.js";

export interface ProcessService {
  readonly name: string;
  readonly replicas: number;
  readonly command: readonly string[];
  readonly publish?: readonly { readonly published: number; readonly target: number }[];
  readonly constraints?: readonly string[];
}

/** @returns when the request was sent, ms since 1970 */
export function createService(socket: string, service: ProcessService): Promise<number> {
  return withChannel(socket, async (channel) => {
    await new Promise<void>((resolve, reject) => {
      channel.waitForReady(Date.now() + 5000, (error) => (error ? reject(error) : resolve()));
    });
    const started = Date.now();
    await callUnary(channel, ControlService.createService, { spec: serviceSpec(service) }, { timeoutMs: 60_000 });
    return started;
  });
}

export interface Tokens {
  readonly worker: string;
  readonly manager: string;
}

/** What nodes join the manager's cluster with; undefined while it has none, or does not answer. */
export async function joinTokens(socket: string): Promise<Tokens | undefined> {
  const answer = await ask(socket, ControlService.listClusters, { filters: undefined }, ANSWER_TIMEOUT_MS);
  return answer?.clusters[0]?.rootCa?.joinTokens;
}

/** Removes a node, whatever its state. @throws ServiceError */
export async function removeNode(socket: string, nodeId: string): Promise<void> {
  const request = { nodeId, force: true };
  await withChannel(socket, (channel) => callUnary(channel, ControlService.removeNode, request, { timeoutMs: 10_000 }));
}

export interface NodeState {
  readonly isReady: boolean;
  readonly isManager: boolean;
  readonly isReachable: boolean;
}

/** @returns nothing while no manager answers */
export async function nodeStates(socket: string): Promise<readonly NodeState[]> {
  const answer = await ask(socket, ControlService.listNodes, { filters: undefined }, ANSWER_TIMEOUT_MS);
  return (answer?.nodes ?? []).map((node) => ({
    isReady: node.status?.state === NodeStatus_State.READY,
    isManager: node.role === NodeRole.MANAGER,
    isReachable: node.managerStatus?.reachability === RaftMemberStatus_Reachability.REACHABLE,
  }));
}

/** Whether a manager answers, whatever the state that it is in. */
export async function managerAnswers(socket: string): Promise<boolean> {
  return (await ask(socket, HealthService.check, { service: "ControlAPI" }, ANSWER_TIMEOUT_MS)) !== undefined;
}

/** Whether a manager runs and knows a leader. */
export async function managerRuns(socket: string): Promise<boolean> {
  const answer = await ask(socket, LocalManagerService.status, {}, LOOK_TIMEOUT_MS);
  return answer?.state === ManagerState.MANAGER_RUNNING && answer.leaderRaftId !== "0";
}

/** The leader as one manager sees it; undefined where it sees none. */
export async function leaderSeenBy(
  socket: string,
): Promise<{ readonly nodeId: string; readonly term: number } | undefined> {
  const answer = await ask(socket, LocalManagerService.status, {}, LOOK_TIMEOUT_MS);
  const leader = answer?.peers.find((peer) => peer.leader);
  return leader && answer && { nodeId: leader.nodeId, term: answer.term };
}

/** A manager that stands still must not hold up a look at the others. */
const LOOK_TIMEOUT_MS = 1000;
/** While this process waits for commands nothing of an answer is read. */
const ANSWER_TIMEOUT_MS = 10_000;

/** Asks what may not be answered. */
async function ask<Request, Response>(
  socket: string,
  method: UnaryMethod<Request, Response>,
  request: Request,
  timeoutMs: number,
): Promise<Response | undefined> {
  try {
    return await withChannel(socket, (channel) => callUnary(channel, method, request, { timeoutMs }));
  } catch (error) {
    if (typeof (error as Partial<ServiceError>).code === "number") return undefined;
    throw error;
  }
}

async function withChannel<T>(socket: string, work: (channel: Client) => Promise<T>): Promise<T> {
  const channel = openChannel(grpcTarget(socket), trustingCredentials(), true);
  try {
    return await work(channel);
  } finally {
    channel.close();
  }
}

function serviceSpec({ name, replicas, command, publish, constraints }: ProcessService): ServiceSpec {
  const value = Buffer.from(ProcessSpec.encode(ProcessSpec.fromPartial({ command })).finish());
  const payload = { typeUrl: "type.googleapis.com/tswarm.v1.ProcessSpec", value };
  return ServiceSpec.fromPartial({
    annotations: { name },
    task: {
      runtime: { $case: "generic", value: { kind: "process", payload } },
      placement: { constraints: constraints ?? [] },
    },
    mode: { $case: "replicated", value: { replicas } },
    endpoint: {
      ports: (publish ?? []).map(({ published, target }) => ({
        protocol: PortConfig_Protocol.TCP,
        publishedPort: published,
        targetPort: target,
      })),
    },
  });
}
