/** A manager: its servers, always; and a member of the cluster's log, once that is open. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { Server, type UntypedServiceImplementation } from "@grpc/grpc-js";
import { localAdmission } from "../api/authorization/admission.js";
import { failedPrecondition, permissionDenied } from "../api/status-error.js";
import { SERVER_OPTIONS } from "../api/transport-options.js";
import { systemClock as steadyClock } from "../raft/node/clock.js";
import { RaftError } from "../raft/node/raft.js";
import { LogLockedError } from "../security/at-rest/locked-error.js";
import { type CallerIdentity, CertificateIdentity, LocalIdentity } from "../security/identity.js";
import { CertificateStore } from "../security/node-certificate/certificate-store.js";
import { selfSignedCertificate } from "../security/pki/self-signed.js";
import { TlsIdentity } from "../security/tls/tls-identity.js";
import { serverCredentials } from "../security/transport.js";
import { systemClock } from "../store/clock.js";
import type { Store } from "../store/store.js";
import { systemRandom } from "../store/system-random.js";
import { advertisedAddress, portOf } from "./address.js";
import { unlockKeyOf } from "./autolock/cluster-key.js";
import type { ClusterDefaults } from "./bootstrap.js";
import { firstManagerCertificate, type NewCluster, newCluster } from "./ca/new-cluster.js";
import { listenTcp, listenUnix } from "./listener.js";
import { asStartError, ManagerStartError } from "./manager-error.js";
import {
  DEFAULT_DATA_PATH_PORT,
  DEFAULT_HEARTBEAT_MS,
  DEFAULT_REMOTE_PORT,
  type ManagerOptions,
} from "./manager-options.js";
import { hasLog, logFolder } from "./member/log-keys.js";
import { ManagerCertificate } from "./member/manager-certificate.js";
import { MemberStarter } from "./member/member-starter.js";
import { renewOverSocket } from "./member/own-renewal.js";
import type { RunningMember } from "./member/running-member.js";
import { leaveManagers } from "./membership/leaving.js";
import { knownNodes } from "./serving/known-nodes.js";
import type { Phase } from "./serving/phase.js";
import { RemoteServer } from "./serving/remote-server.js";
import type { ServedMember } from "./serving/served-member.js";
import { Services, type ServingManager } from "./serving/services.js";
import { shutDown } from "./serving/shut-down.js";

/** So long a manager that alone decides may take until it leads. */
const FIRST_TERM_TIMEOUT_MS = 2000;
/** In the state folder. */
const CERTIFICATES_FOLDER = "certificates";

export class Manager implements ServingManager {
  readonly nodeId: string;
  readonly log: (line: string) => void;
  /** Who calls, at either door. */
  readonly identity: CallerIdentity;
  readonly #options: ManagerOptions;
  readonly #services: Services;
  /** Who this manager is to others. */
  readonly #tls = new TlsIdentity();
  readonly #callers: CallerIdentity;
  readonly #certificate: ManagerCertificate;
  #local: Server | undefined;
  #remote: RemoteServer | undefined;
  readonly #end = new AbortController();
  #phase: Phase | undefined;
  #member: RunningMember | undefined;
  #starting: Promise<void> = Promise.resolve();
  #remotePort: number | undefined;
  #endExpulsions: () => void = () => {};

  constructor(options: ManagerOptions) {
    this.#options = options;
    this.nodeId = options.nodeId;
    this.log = options.log;
    const store = () => this.#member?.store;
    this.#callers = new CertificateIdentity(() => this.#tls.subject?.organization, knownNodes(store));
    this.identity = new LocalIdentity(() => this.nodeId, this.#callers);
    this.#services = new Services(this);
    this.#certificate = new ManagerCertificate({
      nodeId: options.nodeId,
      store: options.certificates ?? CertificateStore.at(join(options.stateDir, CERTIFICATES_FOLDER)),
      identity: this.#tls,
      issue: options.issue,
      renew: (csrPem) => renewOverSocket(options.controlSocket, csrPem),
      clock: options.clock ?? systemClock,
      random: options.renewalPoint ?? Math.random,
      log: options.log,
    });
  }

  /**
   * Resolves when the servers are open and the manager is a member, or {@link phase} says why not yet ("locked": the port for nodes is
   * shut then). It need not have a leader, unless it decides alone.
   * @throws ManagerStartError with one clear line; nothing is left open then
   */
  async start(): Promise<void> {
    if (this.#phase) throw new Error("the manager was started before");
    this.#phase = "starting";
    try {
      this.#makeStateFolder();
      await this.#listenLocally();
      await this.#open(undefined);
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  /** Hands leadership over where that can be; nothing is left open. */
  async stop(): Promise<void> {
    if (this.#phase !== "removed") this.#phase = "stopping";
    this.#end.abort();
    await this.#starting.catch(() => undefined);
    const member = this.#member;
    this.#member = undefined;
    await this.#certificate.stop();
    await member?.stop();
    await Promise.all([this.#local && shutDown(this.#local), this.#remote?.shutDown()]);
    this.#endExpulsions();
  }

  get phase(): Phase {
    return this.#phase ?? "starting";
  }

  /** The port that nodes connect to. */
  get remotePort(): number | undefined {
    return this.#remotePort;
  }

  /** The cluster's objects, as this manager knows them. */
  get store(): Store {
    if (!this.#member) throw new Error("the manager does not run");
    return this.#member.store;
  }

  get raft() {
    return this.#member?.raft;
  }

  get member(): ServedMember | undefined {
    return this.#member?.served;
  }

  get watch(): UntypedServiceImplementation | undefined {
    return this.#member?.watch;
  }

  get autolock(): boolean {
    if (this.#phase === "locked") return true;
    const [cluster] = this.#member?.store.view((read) => read.all("cluster")) ?? [];
    return unlockKeyOf(cluster) !== undefined;
  }

  /** This manager leads, and does a leader's work. */
  get isLeading(): boolean {
    return this.#member?.term !== undefined;
  }

  /** Resolves when a leader's reconcilers have nothing to do until something changes or time passes. */
  async idle(): Promise<void> {
    await this.#member?.term?.idle();
  }

  async unlock(kek: Uint8Array): Promise<void> {
    this.#phase = "starting";
    try {
      await this.#open(kek);
    } catch (error) {
      this.#fail(error);
      throw failedPrecondition(`the manager is unlocked, but it cannot start: ${(error as Error).message}`);
    }
    if (this.phase === "locked") throw permissionDenied("this is not the key that the manager was locked with");
  }

  async leave(isForced: boolean): Promise<void> {
    const { raft, served } = this.#member!;
    await leaveManagers({
      raft,
      leader: async () => {
        if (!isForced) await served.leader();
        return served.target;
      },
      noLeaderText: () => served.noLeaderText,
      isForced,
    });
  }

  #makeStateFolder(): void {
    const { stateDir } = this.#options;
    try {
      mkdirSync(stateDir, { recursive: true, mode: 0o700 });
    } catch (error) {
      throw new ManagerStartError(`cannot use the state folder ${stateDir}: ${(error as Error).message}`);
    }
  }

  /** Its files' permissions are the guard; what it shows proves nothing. */
  async #listenLocally(): Promise<void> {
    const { controlSocket, clock = systemClock, log } = this.#options;
    const local = new Server({ ...SERVER_OPTIONS, interceptors: [localAdmission(controlSocket, log)] });
    this.#local = local;
    this.#services.addToControlSocket(local);
    const subject = { organizationalUnit: "tswarm-manager", commonName: this.nodeId, dnsNames: ["swarm-manager"] };
    await listenUnix(local, controlSocket, serverCredentials(selfSignedCertificate(subject, clock.now())));
  }

  #newStarter(cluster: NewCluster | undefined): MemberStarter {
    const { remoteAddress, advertiseAddress } = this.#options;
    const remotePort = portOf(remoteAddress ?? "") || DEFAULT_REMOTE_PORT;
    return new MemberStarter({
      ...this.#options,
      clock: this.#options.clock ?? systemClock,
      steadyClock: this.#options.clock ?? steadyClock,
      random: this.#options.random ?? systemRandom,
      identity: this.identity,
      tls: this.#tls,
      certificate: this.#certificate,
      address: () => advertiseAddress ?? advertisedAddress(remoteAddress, this.#remotePort ?? remotePort),
      remotePort: () => this.#remotePort ?? remotePort,
      defaults: this.#defaults,
      newCluster: cluster,
      signal: this.#end.signal,
      onLeaderChange: () => this.#services.leaderChanged(),
    });
  }

  get #defaults(): ClusterDefaults {
    const { heartbeatPeriodMs = DEFAULT_HEARTBEAT_MS, dataPathPort = DEFAULT_DATA_PATH_PORT, raft } = this.#options;
    return {
      heartbeatPeriodMs,
      dataPathPort,
      ...(raft?.electionTicks ? { electionTicks: raft.electionTicks } : {}),
      ...(raft?.heartbeatTicks ? { heartbeatTicks: raft.heartbeatTicks } : {}),
    };
  }

  /** The port for nodes. */
  async #listenRemotely(starter: MemberStarter): Promise<void> {
    const { remoteAddress, clock = systemClock, log } = this.#options;
    if (remoteAddress === undefined || this.#remote) return;
    const remote = new RemoteServer({ identity: this.#tls, callers: this.#callers, now: () => clock.now(), log });
    this.#services.addToRemotePort(remote);
    starter.addRaftServices(remote);
    this.#remotePort = await listenTcp(remote, remoteAddress);
    this.#remote = remote;
  }

  /** One at a time. @throws ManagerStartError */
  #open(kek: Uint8Array | undefined): Promise<void> {
    this.#starting = this.#openMember(kek);
    return this.#starting;
  }

  async #openMember(kek: Uint8Array | undefined): Promise<void> {
    let member: RunningMember;
    try {
      const cluster = await this.#newCluster();
      const starter = this.#newStarter(cluster);
      const keys = await starter.openKeys(kek);
      const nowMs = (this.#options.clock ?? systemClock).now();
      const first = cluster && firstManagerCertificate(cluster, this.nodeId, nowMs);
      await this.#certificate.open(keys.isLocked ? kek : undefined, first);
      await this.#listenRemotely(starter);
      member = await starter.start(keys);
    } catch (error) {
      if (error instanceof LogLockedError && error.reason !== "data-key-unknown") {
        this.#phase = "locked";
        this.log(`locked: ${error.message}`);
        return;
      }
      if (error instanceof RaftError && error.code === "removed") return this.#removed();
      throw asStartError(error, logFolder(this.#options.stateDir));
    }
    this.#member = member;
    if (this.#phase !== "starting") return;
    this.#phase = "running";
    member.raft.onRemoved(() => this.#removed());
    member.raft.onFailure((error) => this.#fail(error));
    this.#certificate.follow(member.store);
    this.#endExpulsions = this.#expelRemoved(member.store);
    if (member.decidesAlone) await member.settled(FIRST_TERM_TIMEOUT_MS);
  }

  /** @throws ManagerStartError where a cluster was begun before */
  async #newCluster(): Promise<NewCluster | undefined> {
    const { bootstrap: request, stateDir, clock = systemClock, random = systemRandom } = this.#options;
    if (!request) return undefined;
    if (await hasLog(stateDir)) {
      throw new ManagerStartError(`a cluster was begun in ${stateDir} before: another needs another folder`);
    }
    return newCluster({ request, defaults: this.#defaults, random, nowMs: clock.now() });
  }

  /** Connections of nodes that the cluster has removed end at once. */
  #expelRemoved(store: Store): () => void {
    const nodes = knownNodes(() => store);
    return store.watch([{ kind: "cluster" }], () => this.#remote?.expel(({ nodeId }) => nodes.isRemoved(nodeId)));
  }

  #removed(): void {
    if (this.#phase === "stopping") return;
    this.#phase = "removed";
    this.#options.onRemoved?.();
  }

  #fail(error: unknown): void {
    if (this.#phase === "stopping") return;
    this.#options.onFailure?.(asStartError(error, logFolder(this.#options.stateDir)) as Error);
  }
}
