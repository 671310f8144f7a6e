/**
 * All that only the leader does, for one term: made when this manager begins to lead, ended when it ceases, never used again. What
 * it knows it takes from the store; nothing of one term lives on in the next.
 */
import type { UntypedServiceImplementation } from "@grpc/grpc-js";
import type { Raft } from "../../raft/node/raft.js";
import type { CallerIdentity } from "../../security/identity.js";
import type { Clock } from "../../store/clock.js";
import type { RandomBytes } from "../../store/object-id.js";
import type { Store } from "../../store/store.js";
import { Allocator } from "../allocator/allocator.js";
import { bootstrapCluster, type ClusterDefaults, subnetSources } from "../bootstrap.js";
import type { ExternalSigner } from "../ca/cluster-signer.js";
import { LeaderAuthority } from "../ca/leader-authority.js";
import { type NewCluster, newCluster } from "../ca/new-cluster.js";
import { Registrar } from "../dispatcher/registrar.js";
import { RelayService } from "../dispatcher/relay-service.js";
import { KeyManager } from "../keymanager/key-manager.js";
import { Inspector } from "../link/inspector.js";
import { LinkService } from "../link/link-service.js";
import { LogBroker } from "../logbroker/log-broker.js";
import { ControlLoop } from "../loop/control-loop.js";
import { MembershipService } from "../membership/membership-service.js";
import { RoleManager } from "../membership/role-manager.js";
import { StatusKeeper } from "../membership/status-keeper.js";
import { ServiceOrchestrator } from "../orchestrator/service-orchestrator.js";
import { ResourceAllocator } from "../resource-allocator/resource-allocator.js";
import { ConstraintEnforcer } from "../scheduler/constraint-enforcer.js";
import { Planner, type Planning } from "../scheduler/planner-service.js";
import { Rebalancer } from "../scheduler/rebalancer.js";
import { Scheduler } from "../scheduler/scheduler.js";
import type { Term } from "./terms.js";

export interface LeaderTermOptions {
  readonly store: Store;
  readonly raft: Raft<unknown>;
  /** This host's: what is certified goes by it, all else by the store's. */
  readonly clock: Clock;
  readonly random: RandomBytes;
  readonly identity: CallerIdentity;
  /** The node of this manager, and where other nodes reach it. */
  readonly nodeId: string;
  readonly address: string;
  readonly defaults: ClusterDefaults;
  /** What the cluster begins with, where this manager has decided it already; else it is decided when it is written down. */
  readonly newCluster?: NewCluster | undefined;
  /** Signs where the cluster does not have its root's key. */
  readonly external: ExternalSigner;
  readonly log: (line: string) => void;
}

/** Handlers of the services that only a leader serves. */
export interface LeaderServices {
  /** tswarm.v1.SessionRelay */
  readonly relay: UntypedServiceImplementation;
  readonly links: UntypedServiceImplementation;
  readonly inspector: UntypedServiceImplementation;
  /** tswarm.v1.Planner */
  readonly planner: UntypedServiceImplementation;
  readonly membership: UntypedServiceImplementation;
  /** tswarm.v1.NodeIdentity */
  readonly nodeIdentity: UntypedServiceImplementation;
  /** docker.swarmkit.v1.NodeCA */
  readonly nodeCa: UntypedServiceImplementation;
  /** docker.swarmkit.v1.ResourceAllocator */
  readonly resourceAllocator: UntypedServiceImplementation;
  /** docker.swarmkit.v1.Logs */
  readonly logs: UntypedServiceImplementation;
  /** docker.swarmkit.v1.LogBroker */
  readonly logBroker: UntypedServiceImplementation;
}

export class LeaderTerm implements Term {
  readonly services: LeaderServices;
  /** What nodes tell is written down here. */
  readonly registrar: Registrar;
  readonly #relay: RelayService;
  readonly #links: LinkService;
  readonly #authority: LeaderAuthority;
  readonly #logs: LogBroker;
  readonly #options: LeaderTermOptions;
  #planning: Planning | undefined;
  #loops: readonly ControlLoop[] = [];
  #ended = false;

  constructor(options: LeaderTermOptions) {
    const { store, raft, random, identity, nodeId, log } = options;
    const { clock } = store;
    this.#options = options;
    this.registrar = new Registrar({ store, clock, managerNodeId: nodeId, log });
    this.#relay = new RelayService({ registrar: this.registrar, store, clock, identity, log });
    this.#links = new LinkService({ store, clock, identity, log });
    this.#authority = new LeaderAuthority({
      store,
      clock: options.clock,
      random,
      identity,
      external: options.external,
      log,
    });
    this.#logs = new LogBroker({ store, clock, random, identity, log });
    this.services = {
      relay: this.#relay.service(),
      links: this.#links.handlers(),
      inspector: new Inspector(store, this.#links, log).service(),
      planner: new Planner({ store, clock, planning: () => this.#planning, log }).service(),
      membership: new MembershipService({ store, raft, identity, log }).service(),
      nodeIdentity: this.#authority.nodeIdentity,
      nodeCa: this.#authority.nodeCa,
      resourceAllocator: new ResourceAllocator({ store, clock, random, identity, log }).service(),
      logs: this.#logs.logs(),
      logBroker: this.#logs.broker(),
    };
  }

  /** Resolves when all of it runs; at once when the term has ended meanwhile. @throws RaftError when leadership is lost on the way */
  async start(): Promise<void> {
    const { store, raft, random, nodeId, log } = this.#options;
    const { clock } = store;
    await bootstrapCluster(store, random, nodeId, () => this.#newCluster());
    if (this.#ended) return;
    this.registrar.start();
    this.#relay.start();
    this.#links.start();
    const loop = (...reconcilers: ConstructorParameters<typeof ControlLoop>[2]) =>
      new ControlLoop(store, clock, reconcilers, log);
    const scheduler = new Scheduler(store, clock);
    const rebalancer = new Rebalancer({ store, clock, random, scheduler });
    this.#planning = { scheduler, rebalancer };
    const work = loop(
      // First, so that the reason is on a task before it is replaced.
      new ConstraintEnforcer(store),
      new ServiceOrchestrator({ store, clock, random }),
      new Allocator({ store, clock, subnetSources: subnetSources(store), log }),
      scheduler,
      rebalancer,
    );
    // Loops of their own: they wait for other managers.
    const roles = loop(new RoleManager({ store, clock, raft, selfNodeId: nodeId, log }));
    const statuses = loop(new StatusKeeper(store, clock, raft));
    // They wait for authorities outside of the cluster, and for nodes.
    const certificates = this.#authority.reconcilers.map((one) => loop(one));
    const keys = loop(new KeyManager(store, clock, random));
    this.#loops = [work, roles, statuses, keys, ...certificates];
    for (const one of this.#loops) one.start();
  }

  /** Takes nothing in any more, at once; resolves when nothing of it runs. */
  async stop(reason: Error): Promise<void> {
    this.#ended = true;
    this.registrar.stop();
    this.#relay.stop(reason);
    this.#links.stop(reason);
    this.#logs.stop(reason);
    this.#authority.stop();
    await Promise.all(this.#loops.map((loop) => loop.stop()));
  }

  #newCluster(): NewCluster {
    const { raft, clock, random, defaults } = this.#options;
    const { electionTicks, heartbeatTicks } = raft.status();
    const own = { ...defaults, electionTicks, heartbeatTicks };
    return this.#options.newCluster ?? newCluster({ defaults: own, random, nowMs: clock.now() });
  }

  /** Resolves when the reconcilers have nothing to do until something changes or time passes. */
  async idle(): Promise<void> {
    for (const loop of this.#loops) await loop.idle();
  }
}
