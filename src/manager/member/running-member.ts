/**
 * A member of the cluster's log that runs: the log, the store that it makes, the terms in which this member leads, and what keeps its
 * keys and settings as the cluster says.
 */
import type { Client, UntypedServiceImplementation } from "@grpc/grpc-js";
import { unavailable } from "../../api/status-error.js";
import { NOBODY } from "../../raft/core/member-id.js";
import type { Raft } from "../../raft/node/raft.js";
import type { CallerIdentity } from "../../security/identity.js";
import type { NodeCertificate } from "../../security/node-certificate/node-certificate.js";
import type { Clock } from "../../store/clock.js";
import type { RandomBytes } from "../../store/object-id.js";
import type { Proposal } from "../../store/proposer.js";
import type { Store } from "../../store/store.js";
import { KeyKeeper, type SealedKeys } from "../autolock/key-keeper.js";
import type { ClusterDefaults } from "../bootstrap.js";
import { ExternalAuthority } from "../ca/external/external-authority.js";
import type { NewCluster } from "../ca/new-cluster.js";
import { controlService } from "../control/control-service.js";
import { clusterPorts } from "../control/validation/endpoint-spec.js";
import { Dispatcher } from "../dispatcher/dispatcher.js";
import { LeaderFollower } from "../dispatcher/leader-follower.js";
import { LeaderRoute } from "../leadership/leader-route.js";
import { LeaderTerm } from "../leadership/leader-term.js";
import { Terms } from "../leadership/terms.js";
import { ServedMember } from "../serving/served-member.js";
import { StoreWatch } from "../watch/watch-service.js";
import { SettingsKeeper } from "./settings-keeper.js";

export interface RunningMemberOptions {
  readonly store: Store;
  readonly raft: Raft<Proposal>;
  readonly keys: SealedKeys;
  readonly clock: Clock;
  /** Only differences mean something, whatever is done to the other one: for sessions and patience. */
  readonly steadyClock: Clock;
  readonly random: RandomBytes;
  readonly identity: CallerIdentity;
  /** Opens a channel to another manager, in the name of this one. */
  readonly channelTo: (address: string) => Client;
  readonly nodeId: string;
  /** Where other nodes reach this manager. */
  readonly address: string;
  readonly remotePort: number;
  readonly defaults: ClusterDefaults;
  /** What the cluster begins with, where this manager has decided it already. */
  readonly newCluster?: NewCluster | undefined;
  /** What this manager shows to authorities outside of the cluster. */
  readonly ownCertificate?: (() => NodeCertificate | undefined) | undefined;
  /** Another leads, or nobody: streams to the leader end. */
  readonly onLeaderChange: () => void;
  readonly log: (line: string) => void;
}

/** So long a manager may take to apply what it has had written. */
const CATCH_UP_TIMEOUT_MS = 5000;
const LEADS_NO_MORE = unavailable("this manager leads no more: turn to another, or again to this one");

export class RunningMember {
  readonly store: Store;
  readonly raft: Raft<Proposal>;
  readonly served: ServedMember;
  /** Handlers of the Watch service. */
  readonly watch: UntypedServiceImplementation;
  readonly #options: RunningMemberOptions;
  readonly #terms: Terms<LeaderTerm>;
  readonly #dispatcher: Dispatcher;
  readonly #follower: LeaderFollower;
  readonly #keys: KeyKeeper;
  readonly #settings: SettingsKeeper;
  readonly #watch: StoreWatch;
  readonly #external: ExternalAuthority;
  readonly #endLeadership: () => void;
  #leader = NOBODY;
  #onChange: () => void = () => {};

  constructor(options: RunningMemberOptions) {
    const { store, raft, keys, channelTo, clock, random, identity, nodeId, address, log } = options;
    this.#options = options;
    this.store = store;
    this.raft = raft;
    const external = new ExternalAuthority({ clock: options.clock, own: options.ownCertificate ?? (() => undefined) });
    this.#external = external;
    this.#terms = new Terms(
      () => new LeaderTerm({ ...options, raft, external }),
      options.clock,
      (error) => log(`this manager leads, but its work cannot begin: ${textOf(error)}`),
      () => this.#changed(),
    );
    const route = new LeaderRoute(raft, channelTo);
    const manager = { managerNodeId: nodeId, managerAddress: address };
    this.#dispatcher = new Dispatcher({ store, clock: options.steadyClock, random, identity, ...manager, log });
    this.#dispatcher.start();
    this.#follower = new LeaderFollower({
      dispatcher: this.#dispatcher,
      clock,
      managerNodeId: nodeId,
      registrar: () => this.#terms.current?.registrar,
      target: () => route.target(),
      whenApplied: (version) => raft.whenApplied(version, CATCH_UP_TIMEOUT_MS),
      log,
    });
    const dispatcher = this.#dispatcher;
    this.served = new ServedMember({ store, raft, terms: this.#terms, route, dispatcher, control: this.#control() });
    this.#watch = new StoreWatch(store, log);
    this.watch = this.#watch.service().implementation;
    this.#keys = new KeyKeeper(store, keys, () => raft.readBarrier(), log);
    this.#settings = new SettingsKeeper(store, raft);
    this.#endLeadership = raft.onLeadership(() => this.#seeLeadership());
    this.#seeLeadership();
  }

  /** The term in which this manager leads, once its work has begun. */
  get term(): LeaderTerm | undefined {
    return this.#terms.current;
  }

  /** It knows of no other manager: it leads as soon as it has found that out. */
  get decidesAlone(): boolean {
    return this.raft.members().every(({ raftId }) => raftId === this.raft.id);
  }

  /** Resolves when this manager does a leader's work, or another leads, or it takes too long. */
  async settled(timeoutMs: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      this.#onChange = () => {
        const isOther = this.#leader !== NOBODY && this.#leader !== this.raft.id;
        if (this.term || isOther || !this.decidesAlone) resolve();
      };
      this.#onChange();
      timer = setTimeout(resolve, timeoutMs);
    });
    clearTimeout(timer);
    this.#onChange = () => {};
  }

  /** Hands leadership over where that can be; resolves when nothing runs any more. */
  async stop(): Promise<void> {
    this.#follower.stop();
    this.#dispatcher.stop();
    this.#settings.stop();
    this.#watch.stop();
    await this.#keys.stop();
    await this.raft.stop();
    this.#endLeadership();
    await this.#terms.stop(unavailable("the manager is stopping"));
    this.served.stop();
    this.#external.stop();
  }

  #control(): UntypedServiceImplementation {
    const { store, raft, clock, random, remotePort, defaults, log } = this.#options;
    const memberOf = (nodeId: string) => raft.members().find((member) => member.nodeId === nodeId);
    return controlService({
      store,
      clock,
      random,
      raft: {
        isMember: (nodeId) => memberOf(nodeId) !== undefined,
        canRemove: (nodeId) => {
          const member = memberOf(nodeId);
          return member === undefined || raft.canRemove(member.raftId);
        },
        readBarrier: () => raft.readBarrier(),
      },
      authorities: this.#external,
      clusterPorts: clusterPorts(remotePort, defaults.dataPathPort),
      log,
    });
  }

  #seeLeadership(): void {
    const { leadership } = this.raft;
    this.#terms.see(leadership, LEADS_NO_MORE);
    if (leadership.leader !== this.#leader) {
      this.#leader = leadership.leader;
      this.#options.onLeaderChange();
    }
    this.#changed();
  }

  #changed(): void {
    this.#follower.look();
    this.served.leadershipChanged();
    this.#onChange();
  }
}

function textOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
