/** The daemon: a node of a cluster, or one that waits to be told which. */
import { readFileSync } from "node:fs";
import { NodeRole } from "../api/generated/docker/swarmkit/v1/types.js";
import { ManagerState } from "../api/generated/tswarm/v1/manager.js";
import {
  type InitClusterRequest,
  type InitClusterResponse,
  InitClusterRequest as InitRequests,
  type JoinRequest,
  JoinRequest as JoinRequests,
  type JoinResponse,
  LocalNodeState,
  type NodeInfoResponse,
} from "../api/generated/tswarm/v1/node.js";
import { failedPrecondition, invalidArgument, StatusError, unavailable } from "../api/status-error.js";
import { type AddressWishes, addressesToInit, addressesToJoin, type NodeAddresses } from "./addresses/choose.js";
import { hostInterfaces } from "./addresses/interfaces.js";
import { checkAddressPools, checkDataPathPort } from "./addresses/pools.js";
import { managerAddress } from "./flag-values.js";
import { joinCluster } from "./identity/join-cluster.js";
import { forget, leaveCluster } from "./leave.js";
import { ALREADY_MEMBER, isAlone, leaveRefusal, NOT_MEMBER } from "./leave-refusal.js";
import type { LocalNodeHost } from "./local-node-service.js";
import {
  isMarkedJoining,
  type Membership,
  markJoining,
  type NodeSettings,
  otherManagers,
  readMembership,
} from "./membership.js";
import { ClusterNode } from "./node.js";
import type { NodeContext } from "./node-context.js";
import { nodeInfo } from "./node-info.js";
import { withoutAbsent } from "./options.js";
import { forceNewCluster, planStart, type ResumePlan } from "./start-plan.js";
import { randomId } from "./state-directory.js";

/** Docker's patience with a node that has joined, until its session stands. */
const READY_TIMEOUT_MS = 20_000;
const READY_TEXT =
  'Timeout was reached before node joined. The attempt to join the swarm will continue in the background. Use the "tsctl info" command to see the current swarm state of your node.';
const LEAVE_MANAGERS_TIMEOUT_MS = 10_000;
const FORCED_LEAVE_TIMEOUT_MS = 3000;

export class LocalNode implements LocalNodeHost {
  readonly #context: NodeContext;
  #node: ClusterNode | undefined;
  /** It is not yet known whether it will be. */
  #entering: ClusterNode | undefined;
  #isPending = false;
  #error = "";
  /** What it is asked comes one after the other. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(context: NodeContext) {
    this.#context = context;
  }

  get isMember(): boolean {
    return this.#node !== undefined;
  }

  /** Becomes what flags and state folder say. @throws Error with one clear line */
  start(): Promise<void> {
    return this.#inTurn(async () => {
      const { state, flags } = this.#context;
      const membership = readMembership(state.path);
      if (isMarkedJoining(state.path)) this.#clearUp(membership);
      const plan = planStart(flags.start, { path: state.path, membership, hasManagerLog: state.hasManagerLog });
      if (plan.kind === "wait") return;
      if (plan.kind === "init") return void (await this.#init(this.#initByFlags()));
      if (plan.kind === "join") return void (await this.#join(this.#joinByFlags(plan.addresses, plan.tokenFile)));
      const settings = this.#settingsOf(flags.addresses);
      const resumed = { ...plan.membership, settings: { ...plan.membership.settings, ...settings } };
      await this.#resume({ ...plan, membership: resumed });
    });
  }

  /** Tasks run on. */
  async stop(): Promise<void> {
    await (this.#node ?? this.#entering)?.stop();
  }

  async info(): Promise<NodeInfoResponse> {
    const state = this.#isPending ? LocalNodeState.NODE_PENDING : LocalNodeState.NODE_ACTIVE;
    return nodeInfo(this.#context, this.#node, { state, error: this.#error });
  }

  init(request: InitClusterRequest): Promise<InitClusterResponse> {
    return this.#inTurn(() => this.#ready(this.#init(request)));
  }

  join(request: JoinRequest): Promise<JoinResponse> {
    return this.#inTurn(() => this.#ready(this.#join(request)));
  }

  leave(isForced: boolean): Promise<void> {
    return this.#inTurn(() => this.#leave(isForced));
  }

  async #init(request: InitClusterRequest): Promise<InitClusterResponse> {
    if (request.forceNewCluster) return this.#forceNewCluster(request);
    if (this.#node) throw failedPrecondition(ALREADY_MEMBER);
    checkAddressPools(request.defaultAddrPool, request.defaultAddrPoolMaskLength);
    checkDataPathPort(request.dataPathPort);
    const addresses = addressesToInit(this.#wishes(request), hostInterfaces());
    const { settings } = this.#context.flags.start;
    const dataPathPort = request.dataPathPort || settings.dataPathPort;
    await this.#become(
      newMembership(randomId(), "manager", {
        ...settings,
        ...addressSettings(addresses),
        ...withoutAbsent<NodeSettings>({ dataPathPort }),
      }),
      (node) => node.beginCluster({ ...request, dataPathPort: dataPathPort ?? 0 }),
    );
    return this.#initAnswer();
  }

  async #forceNewCluster({
    listenAddr,
    advertiseAddr,
    dataPathAddr,
  }: InitClusterRequest): Promise<InitClusterResponse> {
    const node = this.#node;
    if (!node) throw failedPrecondition(NOT_MEMBER);
    if (node.membership.role !== "manager") {
      throw failedPrecondition("This node is not a swarm manager: a cluster is begun anew from a manager's log");
    }
    const wishes = { listen: listenAddr, advertise: advertiseAddr, dataPath: dataPathAddr };
    const plan = forceNewCluster(node.membership, this.#settingsOf(wishes));
    await node.stopForGood();
    try {
      await this.#resume(plan);
    } catch (error) {
      await this.#node?.stopForGood();
      // As it was before: its tasks have run on.
      const manager = { join: otherManagers(node.membership), forceNewCluster: false };
      await this.#resume({ ...plan, membership: node.membership, manager });
      throw error;
    }
    return this.#initAnswer();
  }

  async #join(request: JoinRequest): Promise<JoinResponse> {
    if (this.#node) throw failedPrecondition(ALREADY_MEMBER);
    const { flags, log } = this.#context;
    const addresses = request.remoteAddrs.map((text) => managerAddress(text));
    if (addresses.length === 0) throw invalidArgument("at least 1 RemoteAddr is required to join");
    const wrong = request.remoteAddrs[addresses.indexOf(undefined)];
    if (wrong !== undefined) throw invalidArgument(`invalid remote address "${wrong}": HOST:PORT is due`);
    const settings = {
      ...flags.start.settings,
      ...addressSettings(addressesToJoin(this.#wishes(request), hostInterfaces())),
    };
    this.#isPending = true;
    try {
      const { nodeId, role, certificate, managers } = await joinCluster({
        token: request.joinToken.trim(),
        addresses: addresses as readonly string[],
        availability: request.availability,
        random: Math.random,
        log,
      });
      const known = { joinAddresses: addresses as readonly string[], managers };
      const is = role === NodeRole.MANAGER ? "manager" : "worker";
      await this.#become({ ...newMembership(nodeId, is, settings), ...known }, (node) => node.enter(certificate));
      return { nodeId, role };
    } finally {
      this.#isPending = false;
    }
  }

  async #resume(plan: ResumePlan): Promise<void> {
    this.#node = new ClusterNode(this.#context, plan.membership);
    await this.#node.resume(plan);
  }

  /** Nothing stays of what does not come to its end. */
  async #become(membership: Membership, enter: (node: ClusterNode) => Promise<void>): Promise<void> {
    const { state, log } = this.#context;
    const node = new ClusterNode(this.#context, membership);
    this.#isPending = true;
    this.#entering = node;
    markJoining(state.path);
    try {
      await enter(node);
    } catch (error) {
      const hasEntered = readMembership(state.path) !== undefined;
      await node.stopForGood();
      if (hasEntered) await leaveCluster(state, membership, log);
      else forget(state);
      throw error;
    } finally {
      this.#isPending = false;
      this.#entering = undefined;
    }
    this.#node = node;
  }

  /** Of what an init or a join left that a crash ended. */
  #clearUp(membership: Membership | undefined): void {
    if (membership === undefined) {
      this.#context.log("an init or a join did not come to its end: what it left is removed");
      forget(this.#context.state);
    }
  }

  async #initAnswer(): Promise<InitClusterResponse> {
    const { manager, membership, advertiseAddress } = this.#node!;
    const cluster = await manager.client.cluster();
    const unlockKey = cluster.spec?.encryptionConfig?.autoLockManagers ? await manager.client.unlockKey() : "";
    return {
      nodeId: membership.nodeId,
      managerAddr: advertiseAddress,
      workerJoinToken: cluster.rootCa?.joinTokens?.worker ?? "",
      managerJoinToken: cluster.rootCa?.joinTokens?.manager ?? "",
      unlockKey,
    };
  }

  /** Whoever asked hears of it once the cluster hears of this node. */
  async #ready<T>(entering: Promise<T>): Promise<T> {
    const answer = await entering;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => reject(unavailable(READY_TEXT)), READY_TIMEOUT_MS);
    });
    try {
      await Promise.race([this.#node!.registered, late]);
    } finally {
      clearTimeout(timer);
    }
    return answer;
  }

  async #leave(isForced: boolean): Promise<void> {
    const node = this.#node;
    if (!node) throw failedPrecondition(NOT_MEMBER);
    if (node.membership.role === "manager") await this.#leaveManagers(node, isForced);
    const { state, log } = this.#context;
    await node.stopForGood();
    this.#node = undefined;
    this.#error = "";
    await leaveCluster(state, node.membership, log);
    log("this node has left its cluster");
  }

  async #leaveManagers(node: ClusterNode, isForced: boolean): Promise<void> {
    const { client } = node.manager;
    const status = await client.status();
    const refusal = leaveRefusal(status, otherManagers(node.membership).length > 0);
    if (refusal !== undefined && !isForced) throw failedPrecondition(refusal);
    if (status?.state !== ManagerState.MANAGER_RUNNING || isAlone(status)) return;
    try {
      await client.leaveManagers(isForced, isForced ? FORCED_LEAVE_TIMEOUT_MS : LEAVE_MANAGERS_TIMEOUT_MS);
    } catch (error) {
      const { code, details } = error as { code: number; details: string };
      if (!isForced) throw new StatusError(code, details);
      this.#context.log(`the other managers still count on this one: ${details}`);
    }
  }

  #wishes({
    listenAddr,
    advertiseAddr,
    dataPathAddr,
  }: Pick<JoinRequest, "listenAddr" | "advertiseAddr" | "dataPathAddr">) {
    const { listen, advertise, dataPath } = this.#context.flags.addresses;
    return { listen: listenAddr || listen, advertise: advertiseAddr || advertise, dataPath: dataPathAddr || dataPath };
  }

  /** What is wished for in the place of what is remembered. */
  #settingsOf(wishes: AddressWishes): NodeSettings {
    const { listen, advertise, dataPath } = addressesToJoin(wishes, hostInterfaces());
    return withoutAbsent<NodeSettings>({
      listenAddress: wishes.listen ? listen : undefined,
      advertiseAddress: wishes.advertise ? advertise : undefined,
      dataPathAddress: dataPath,
    });
  }

  #initByFlags(): InitClusterRequest {
    const { addressPools, addressPoolMaskLength } = this.#context.flags;
    return InitRequests.fromPartial({
      defaultAddrPool: [...addressPools],
      defaultAddrPoolMaskLength: addressPoolMaskLength,
    });
  }

  #joinByFlags(addresses: readonly string[], tokenFile: string): JoinRequest {
    return JoinRequests.fromPartial({ remoteAddrs: [...addresses], joinToken: readToken(tokenFile) });
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(work, work);
    this.#turn = done.catch(() => undefined);
    return done;
  }
}

function newMembership(nodeId: string, role: Membership["role"], settings: NodeSettings): Membership {
  return { nodeId, role, isExpelled: false, joinAddresses: [], managers: [], settings };
}

function addressSettings({ listen, advertise, dataPath }: NodeAddresses): NodeSettings {
  return withoutAbsent<NodeSettings>({
    listenAddress: listen,
    advertiseAddress: advertise,
    dataPathAddress: dataPath,
  });
}

/** @throws Error that cites nothing of the file */
function readToken(path: string): string {
  try {
    return readFileSync(path, "utf8").trim();
  } catch (error) {
    throw new Error(`--join-token-file: ${(error as Error).message}`);
  }
}
