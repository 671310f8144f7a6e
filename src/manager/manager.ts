/** A manager: its servers, always; and a member of the cluster's log, once that is open. */
import { Server, type ServerCredentials, type UntypedServiceImplementation } from "@grpc/grpc-js";
import { failedPrecondition, permissionDenied } from "../api/status-error.js";
import { SERVER_OPTIONS } from "../api/transport-options.js";
import { RaftError } from "../raft/node/raft.js";
import { LogLockedError } from "../security/at-rest/locked-error.js";
import { DeclaredIdentity } from "../security/identity.js";
import { serverCredentials } from "../security/transport.js";
import { systemClock } from "../store/clock.js";
import type { Store } from "../store/store.js";
import { systemRandom } from "../store/system-random.js";
import { advertisedAddress, portOf } from "./address.js";
import { unlockKeyOf } from "./autolock/cluster-key.js";
import { listenTcp, listenUnix } from "./listener.js";
import { asStartError } from "./manager-error.js";
import {
  DEFAULT_DATA_PATH_PORT,
  DEFAULT_HEARTBEAT_MS,
  DEFAULT_REMOTE_PORT,
  type ManagerOptions,
} from "./manager-options.js";
import { logFolder } from "./member/log-keys.js";
import { MemberStarter } from "./member/member-starter.js";
import type { RunningMember } from "./member/running-member.js";
import { leaveManagers } from "./membership/leaving.js";
import type { Phase } from "./serving/phase.js";
import type { ServedMember } from "./serving/served-member.js";
import { Services, type ServingManager } from "./serving/services.js";
import { shutDown } from "./serving/shut-down.js";
import { loadCertifiedKey } from "./state-directory.js";

/** So long a manager that alone decides may take until it leads. */
const FIRST_TERM_TIMEOUT_MS = 2000;

export class Manager implements ServingManager {
  readonly nodeId: string;
  readonly log: (line: string) => void;
  readonly identity: DeclaredIdentity;
  readonly #options: ManagerOptions;
  readonly #services: Services;
  readonly #servers: Server[] = [];
  readonly #end = new AbortController();
  #phase: Phase | undefined;
  #starter: MemberStarter | undefined;
  #member: RunningMember | undefined;
  #starting: Promise<void> = Promise.resolve();
  #remotePort: number | undefined;

  constructor(options: ManagerOptions) {
    this.#options = options;
    this.nodeId = options.nodeId;
    this.log = options.log;
    this.identity = new DeclaredIdentity((id) => this.#member?.store.view((read) => read.get("node", id)?.role));
    this.#services = new Services(this);
  }

  /**
   * Resolves when the servers are open and the manager is a member, or {@link phase} says why not yet ("locked"). It need not have a
   * leader then, unless it decides alone.
   * @throws ManagerStartError with one clear line; nothing is left open then
   */
  async start(): Promise<void> {
    if (this.#phase) throw new Error("the manager was started before");
    this.#phase = "starting";
    const { stateDir, clock = systemClock } = this.#options;
    try {
      await this.#listen(serverCredentials(loadCertifiedKey(stateDir, this.nodeId, clock.now())));
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
    await member?.stop();
    await Promise.all(this.#servers.splice(0).map(shutDown));
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
      leader: () => served.target,
      noLeaderText: () => served.noLeaderText,
      isForced,
    });
  }

  async #listen(credentials: ServerCredentials): Promise<void> {
    const { controlSocket, remoteAddress, advertiseAddress, nodeId, log } = this.#options;
    const local = this.#newServer();
    this.#services.addToControlSocket(local);
    await listenUnix(local, controlSocket, credentials);
    const remote = remoteAddress === undefined ? undefined : this.#newServer();
    const remotePort = portOf(remoteAddress ?? "") || DEFAULT_REMOTE_PORT;
    this.#starter = new MemberStarter({
      ...this.#options,
      clock: this.#options.clock ?? systemClock,
      random: this.#options.random ?? systemRandom,
      identity: this.identity,
      address: () => advertiseAddress ?? advertisedAddress(remoteAddress, this.#remotePort ?? remotePort),
      remotePort: () => this.#remotePort ?? remotePort,
      defaults: {
        heartbeatPeriodMs: this.#options.heartbeatPeriodMs ?? DEFAULT_HEARTBEAT_MS,
        dataPathPort: this.#options.dataPathPort ?? DEFAULT_DATA_PATH_PORT,
      },
      signal: this.#end.signal,
      onLeaderChange: () => this.#services.leaderChanged(),
      nodeId,
      log,
    });
    if (!remote) return;
    this.#services.addToRemotePort(remote);
    this.#starter.addRaftServices(remote);
    this.#remotePort = await listenTcp(remote, remoteAddress!, credentials);
  }

  #newServer(): Server {
    const server = new Server(SERVER_OPTIONS);
    this.#servers.push(server);
    return server;
  }

  /** One at a time. @throws ManagerStartError */
  #open(kek: Uint8Array | undefined): Promise<void> {
    this.#starting = this.#openMember(kek);
    return this.#starting;
  }

  async #openMember(kek: Uint8Array | undefined): Promise<void> {
    let member: RunningMember;
    try {
      member = await this.#starter!.start(kek);
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
    if (member.decidesAlone) await member.settled(FIRST_TERM_TIMEOUT_MS);
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
