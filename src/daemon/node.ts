/** A node of a cluster while it runs: the agent, the manager where the cluster wants one here, and what is known of the cluster. */

import { hostname } from "node:os";
import { ManagerList } from "../agent/session/manager-choice.js";
import type { Node } from "../api/generated/docker/swarmkit/v1/objects.js";
import { NodeRole, type WeightedPeer } from "../api/generated/docker/swarmkit/v1/types.js";
import type { InitClusterRequest } from "../api/generated/tswarm/v1/node.js";
import { failedPrecondition } from "../api/status-error.js";
import { CertificateStore } from "../security/node-certificate/certificate-store.js";
import type { NodeCertificate } from "../security/node-certificate/node-certificate.js";
import { DEFAULT_LISTEN, isUnspecified } from "./addresses/choose.js";
import { formatHostPort, parseHostPort } from "./addresses/host-port.js";
import { Agent, type AgentSettings } from "./agent.js";
import { findPlace, type HostPlace } from "./host-facts.js";
import { AgentIdentity, systemRenewerClock } from "./identity/agent-identity.js";
import { firstCertificate } from "./identity/first-certificate.js";
import { readManagerCertificate, tlsInfoOfNode } from "./identity/manager-certificate.js";
import { type Membership, otherManagers, unmarkJoining, writeMembership } from "./membership.js";
import type { NodeContext } from "./node-context.js";
import { NodeManager } from "./node-manager.js";
import { DEFAULT_DATA_PATH_PORT, version } from "./options.js";
import { onExpelled, onRole } from "./role.js";
import { openRunFolder } from "./run-folder.js";
import type { ManagerStart, ResumePlan } from "./start-plan.js";

/** As managers say it of a node, whatever it asks for. */
const REMOVED_TEXT = /was removed from swarm/;
const REMOVED = 'the cluster has removed this node: "tsctl leave" ends its tasks, and it may join again with a token';

export class ClusterNode {
  readonly manager: NodeManager;
  readonly #context: NodeContext;
  readonly #managers: ManagerList;
  readonly #store: CertificateStore;
  #membership: Membership;
  #place: HostPlace | undefined;
  #identity: AgentIdentity | undefined;
  #agent: Agent | undefined;
  /** Version of the node object that was heard last: a manager that lags behind may tell an old one. */
  #nodeVersion = 0;
  /** Changes of what runs here happen one after the other. */
  #changes: Promise<void> = Promise.resolve();
  #isStopping = false;
  #broken: string | undefined;
  #onRegistered: () => void = () => {};
  /** A dispatcher knows the node: for the first time in this daemon's life. */
  readonly registered: Promise<void>;

  constructor(context: NodeContext, membership: Membership) {
    this.#context = context;
    this.#membership = membership;
    this.#managers = new ManagerList(membership.joinAddresses);
    this.#store = CertificateStore.at(context.state.certificatesPath);
    this.registered = new Promise((resolve) => {
      this.#onRegistered = resolve;
    });
    this.manager = new NodeManager({
      ...context,
      nodeId: membership.nodeId,
      listenAddress: this.#listenAddress,
      advertiseAddress: () => this.advertiseAddress,
      dataPathPort: () => this.#dataPathPort,
      restart: () => this.#managerStart(),
      issue: (csr) => {
        if (!this.#identity) throw failedPrecondition("this node has no certificate to ask with yet");
        return this.#identity.issueManagerCertificate(csr);
      },
      onOpen: (isOpen) => this.#onManager(isOpen),
      onRemoved: () => {
        this.manager.dropState();
        this.#remember(onExpelled(this.#membership));
      },
    });
  }

  get membership(): Membership {
    return this.#membership;
  }

  get identity(): AgentIdentity | undefined {
    return this.#identity;
  }

  /** "HOST:PORT" that others are told. */
  get advertiseAddress(): string {
    return this.#place?.advertiseAddress ?? this.#membership.settings.advertiseAddress ?? "";
  }

  get hostname(): string {
    return this.#membership.settings.hostname ?? hostname();
  }

  /** As the first manager of a new cluster. @throws Error with one clear line; what was begun is still to be ended, by {@link stop} */
  async beginCluster(request: InitClusterRequest): Promise<void> {
    await this.#findPlace();
    await this.manager.prepare();
    await this.manager.begin({ join: [], forceNewCluster: false }, request);
    const { nodeId } = this.#membership;
    await this.#enter(await firstCertificate(this.#context.sockets.control, nodeId));
  }

  /** As one that a cluster has just given a certificate. @throws as {@link beginCluster} */
  async enter(certificate: NodeCertificate): Promise<void> {
    await this.#findPlace();
    await this.manager.prepare();
    await this.#enter(certificate, () =>
      this.#membership.role === "manager" ? this.manager.begin(this.#managerStart()) : undefined,
    );
  }

  /** As what its state folder says. @throws Error with one clear line when the agent cannot start */
  async resume(plan: ResumePlan): Promise<void> {
    const { state, log } = this.#context;
    const certificate = await this.#store.load();
    if (!certificate) {
      throw new Error(
        `${state.certificatesPath} holds no certificate: put back a copy of it, or leave ("tswarmd leave") and join again`,
      );
    }
    await this.#findPlace();
    await this.manager.prepare();
    this.#become(certificate);
    if (plan.dropsManagerState) this.manager.dropState();
    if (plan.manager?.forceNewCluster) await this.manager.begin(plan.manager);
    writeMembership(state.path, this.#membership);
    // Tasks are looked after at once: a manager may have to wait for others.
    if (plan.manager && !plan.manager.forceNewCluster) this.manager.promote(plan.manager);
    this.#identity!.start();
    await this.#startAgent();
    log(`node ${this.#membership.nodeId} (${this.hostname}) runs`);
  }

  /** Lets go of everything; tasks and the kernel's networks go on. */
  async stop(): Promise<void> {
    await this.#end(() => this.manager.release());
  }

  /** The manager ends too, wherever it runs. */
  async stopForGood(): Promise<void> {
    await this.#end(async () => {
      await this.manager.stop();
      await this.manager.release();
    });
  }

  async #end(endManager: () => Promise<void>): Promise<void> {
    this.#isStopping = true;
    await this.#agent?.stop();
    await endManager();
    await this.#changes;
    await this.#identity?.stop();
  }

  async #enter(certificate: NodeCertificate, more: () => Promise<void> | undefined = () => undefined): Promise<void> {
    const { state, log } = this.#context;
    await this.#store.save(certificate);
    // The node's own word, from here on: what a crash leaves is gone on with.
    writeMembership(state.path, this.#membership);
    unmarkJoining(state.path);
    this.#become(certificate);
    this.#identity!.start();
    const parts = await Promise.allSettled([more(), this.#startAgent()]);
    for (const part of parts) if (part.status === "rejected") throw part.reason;
    log(`node ${this.#membership.nodeId} (${this.hostname}) runs as a ${this.#membership.role}`);
  }

  #become(certificate: NodeCertificate): void {
    this.#identity = new AgentIdentity(certificate, {
      store: this.#store,
      localManager: () => (this.manager.isServing ? this.#context.sockets.control : undefined),
      managers: () => otherManagers(this.#membership),
      clock: systemRenewerClock,
      random: Math.random,
      log: this.#context.log,
    });
    this.#identity.tls.onChange(() => this.#agent?.describeAnew());
    this.#nameManagers();
  }

  async #startAgent(): Promise<void> {
    const { log, onFailure } = this.#context;
    this.#agent = await Agent.start({
      nodeId: this.#membership.nodeId,
      identity: this.#identity!.tls,
      tlsInfo: () => tlsInfoOfNode(this.#identity!.certificate, this.managerCertificate),
      runDir: openRunFolder(this.#membership.nodeId, log),
      settings: this.#agentSettings,
      underlay: this.#place!.underlay,
      managers: this.#managers,
      onNode: (node) => this.#onNode(node),
      onManagers: (managers) => this.#onManagers(managers),
      onRoots: (rootPem) => this.#identity?.onRoots(rootPem),
      onRegistered: (isRegistered) => {
        if (!isRegistered) return;
        this.#broken = undefined;
        this.#onRegistered();
      },
      onBroken: (reason) => this.#onBroken(reason),
      version: version(),
      log,
      onFailure: (error) => onFailure(`the data plane ended: ${error.message}`),
    });
  }

  /** What keeps this node from its cluster, for people; undefined while nothing does. */
  get problem(): string | undefined {
    return this.#identity?.problem ?? this.#broken;
  }

  /** Whoever was removed does not come back as what it was. */
  get isRemoved(): boolean {
    return this.#broken === REMOVED;
  }

  #onBroken(reason: string): void {
    const isRemoved = REMOVED_TEXT.test(reason);
    if (isRemoved && !this.isRemoved) this.#context.log(REMOVED);
    this.#broken = isRemoved ? REMOVED : reason;
  }

  /** Undefined while this node has no manager. */
  get managerCertificate() {
    if (this.#membership.role !== "manager") return undefined;
    return readManagerCertificate(this.#context.state.managerCertificatesPath);
  }

  async #findPlace(): Promise<void> {
    const { advertiseAddress, dataPathAddress } = this.#membership.settings;
    this.#place = await findPlace({
      listenAddress: this.#listenAddress,
      ...(advertiseAddress ? { advertiseAddress } : {}),
      ...(dataPathAddress ? { dataPathAddress } : {}),
      managerAddresses: otherManagers(this.#membership),
    });
  }

  get #listenAddress(): string {
    return this.#membership.settings.listenAddress ?? DEFAULT_LISTEN;
  }

  get #dataPathPort(): number {
    return this.#membership.settings.dataPathPort ?? DEFAULT_DATA_PATH_PORT;
  }

  get #agentSettings(): AgentSettings {
    const { state, flags } = this.#context;
    const { loadBalancer, packetFilter } = flags;
    return {
      stateDir: state.path,
      hostname: this.hostname,
      dataPathPort: this.#dataPathPort,
      loadBalancer,
      packetFilter,
    };
  }

  #onManager(isOpen: boolean): void {
    const { host, port } = parseHostPort(this.#listenAddress)!;
    const own = formatHostPort(isUnspecified(host) ? this.#place!.underlay.address : host, port!);
    this.#managers.setLocal(isOpen ? own : undefined);
    if (isOpen)
      this.#context.log(
        `managing the cluster: control API at ${this.#context.sockets.control}, nodes join at ${this.advertiseAddress}`,
      );
  }

  #onManagers(peers: readonly WeightedPeer[]): void {
    const managers = peers.flatMap(({ peer }) => (peer ? [{ nodeId: peer.nodeId, address: peer.addr }] : []));
    managers.sort((a, b) => (a.nodeId < b.nodeId ? -1 : 1));
    this.#remember({ ...this.#membership, managers });
  }

  #onNode(node: Node): void {
    const nodeVersion = node.meta?.version?.index ?? 0;
    if (nodeVersion < this.#nodeVersion) return;
    this.#nodeVersion = nodeVersion;
    this.#identity?.onNode(node);
    const [step, membership] = onRole(this.#membership, node.role === NodeRole.MANAGER ? "manager" : "worker");
    this.#remember(membership);
    if (step === "promote") this.#promote();
    if (step === "demote") this.#demote();
    if (node.VXLANUDPPort && node.VXLANUDPPort !== this.#dataPathPort) this.#moveDataPath(node.VXLANUDPPort);
  }

  #promote(): void {
    this.#context.log("this node is a manager from now on");
    this.#inTurn(async () => {
      if (this.#membership.role === "manager") this.manager.promote(this.#managerStart());
    });
  }

  #demote(): void {
    this.#context.log("this node is no manager from now on; its tasks go on");
    this.#inTurn(async () => {
      await this.manager.stop();
      if (this.#membership.role === "worker") this.manager.dropState();
    });
  }

  /** The whole cluster carries its overlays by one port, which a node learns after it has joined. */
  #moveDataPath(dataPathPort: number): void {
    const { settings } = this.#membership;
    this.#remember({ ...this.#membership, settings: { ...settings, dataPathPort } });
    this.#context.log(`the cluster's overlays are carried by UDP port ${dataPathPort}`);
    this.#inTurn(async () => {
      await this.#agent?.stop();
      if (!this.#isStopping) await this.#startAgent();
    });
  }

  #inTurn(change: () => Promise<void>): void {
    this.#changes = this.#changes
      .then(() => (this.#isStopping ? undefined : change()))
      .catch((error: unknown) => this.#context.onFailure((error as Error).message));
  }

  #managerStart(): ManagerStart {
    return { join: otherManagers(this.#membership), forceNewCluster: false };
  }

  #remember(membership: Membership): void {
    const before = this.#membership;
    this.#membership = membership;
    this.#nameManagers();
    if (JSON.stringify(before) !== JSON.stringify(membership)) writeMembership(this.#context.state.path, membership);
  }

  /** The local manager is reached by its own address, the others by theirs. */
  #nameManagers(): void {
    this.#managers.setKnown(otherManagers({ ...this.#membership, joinAddresses: [] }));
  }
}
