/** Which services a manager offers on its two doors, and who answers each call: this manager, the leader, or nobody yet. */
import type { Server, ServiceDefinition, UntypedServiceImplementation } from "@grpc/grpc-js";
import { CAService, NodeCAService } from "../../api/generated/docker/swarmkit/v1/ca.js";
import { ControlService } from "../../api/generated/docker/swarmkit/v1/control.js";
import { DispatcherService } from "../../api/generated/docker/swarmkit/v1/dispatcher.js";
import { HealthService } from "../../api/generated/docker/swarmkit/v1/health.js";
import { LogBrokerService, LogsService } from "../../api/generated/docker/swarmkit/v1/logbroker.js";
import { RaftMembershipService } from "../../api/generated/docker/swarmkit/v1/raft.js";
import { ResourceAllocatorService } from "../../api/generated/docker/swarmkit/v1/resource.js";
import { WatchService } from "../../api/generated/docker/swarmkit/v1/watch.js";
import { NodeSessionService, SessionRelayService } from "../../api/generated/tswarm/v1/dispatcher.js";
import { NodeIdentityService } from "../../api/generated/tswarm/v1/identity.js";
import { InspectorService } from "../../api/generated/tswarm/v1/link.js";
import { LocalManagerService } from "../../api/generated/tswarm/v1/manager.js";
import { PlannerService } from "../../api/generated/tswarm/v1/planner.js";
import { CallProxy } from "../../api/proxy/call-proxy.js";
import type { RawService } from "../../api/proxy/raw-service.js";
import { switchable } from "../../api/proxy/switchable.js";
import type { CallContext } from "../../api/server-call.js";
import { unavailable } from "../../api/status-error.js";
import type { CallerIdentity } from "../../security/identity.js";
import { caService } from "../ca/ca-service.js";
import { healthService } from "../health.js";
import { LINK_SERVICE } from "../link/link-service.js";
import { forwardedCaller } from "./forwarded-caller.js";
import { type LocalManagerHost, localManagerService } from "./local-manager.js";
import { type Patience, patient } from "./patient.js";
import { type Phase, refusalOf } from "./phase.js";
import { refusing } from "./refusing.js";
import type { ServedMember } from "./served-member.js";

export interface ServingManager extends LocalManagerHost {
  readonly phase: Phase;
  readonly member: ServedMember | undefined;
  readonly identity: CallerIdentity;
  /** The Watch service of the running member's store. */
  readonly watch: UntypedServiceImplementation | undefined;
  readonly log: (line: string) => void;
}

/** What services are added to. */
export type ServiceHost = Pick<Server, "addService">;

/** Picks the handlers of a service for a call; undefined sends it to the leader. */
type Picking = (member: ServedMember) => UntypedServiceImplementation | undefined;

export class Services {
  readonly #manager: ServingManager;
  /** Calls that count as this manager's own: whoever may open the control socket may steer the cluster. */
  readonly #own: CallProxy;
  /** Calls of nodes, passed on in their name. */
  readonly #nodes: CallProxy;

  constructor(manager: ServingManager) {
    const { identity, log } = manager;
    this.#manager = manager;
    const target = () => manager.member?.target;
    const noTarget = () => manager.member?.noLeaderText ?? "the manager is stopping";
    this.#own = new CallProxy({ target, noTarget, caller: () => "self", log });
    const caller = (context: CallContext) => forwardedCaller(identity, context);
    this.#nodes = new CallProxy({ target, noTarget, caller, log });
  }

  /** For people and programs on this host. */
  addToControlSocket(server: ServiceHost): void {
    const manager = this.#manager;
    this.#addNodeServices(server);
    add(server, this.#waiting(this.#service(ControlService, (member) => controlHere(member), this.#own)));
    add(server, this.#waiting(this.#service(InspectorService, (member) => member.leading?.inspector, this.#own)));
    add(server, this.#waiting(this.#service(PlannerService, (member) => member.leading?.planner, this.#own)));
    add(
      server,
      this.#service(LogsService, ({ leading }) => leading?.logs, this.#own),
    );
    add(
      server,
      this.#service(WatchService, () => manager.watch, this.#own),
    );
    server.addService(LocalManagerService, localManagerService(manager, manager.log));
  }

  /** For nodes and other managers. Who may call what is seen to before a call gets here. */
  addToRemotePort(server: ServiceHost): void {
    this.#addNodeServices(server);
    add(server, this.#waiting(this.#service(RaftMembershipService, ({ leading }) => leading?.membership, this.#nodes)));
    // Only what other managers pass on to the leader; it is not passed on again.
    const led = (definition: ServiceDefinition, pick: Picking) =>
      this.#service(
        definition,
        (member) => (member.leading && pick(member)) ?? refusing(definition, unavailable(member.noLeaderText)),
        this.#own,
      );
    add(server, this.#waiting(led(ControlService, ({ control }) => control)));
    add(server, this.#waiting(led(InspectorService, ({ leading }) => leading?.inspector)));
    add(server, this.#waiting(led(PlannerService, ({ leading }) => leading?.planner)));
    add(
      server,
      led(LogsService, ({ leading }) => leading?.logs),
    );
    add(
      server,
      led(SessionRelayService, ({ leading }) => leading?.relay),
    );
  }

  /** Streams that go through this manager end, so that who holds them finds the new leader. */
  leaderChanged(): void {
    this.#own.reset();
    this.#nodes.reset();
  }

  #addNodeServices(server: ServiceHost): void {
    const manager = this.#manager;
    // Of its own store: whoever asks for the root has perhaps found no other manager.
    add(
      server,
      this.#service(CAService, ({ store }) => caService(store, manager.log), this.#nodes),
    );
    add(server, this.#waiting(this.#service(NodeCAService, ({ leading }) => leading?.nodeCa, this.#nodes)));
    const attachments = this.#service(
      ResourceAllocatorService,
      ({ leading }) => leading?.resourceAllocator,
      this.#nodes,
    );
    add(server, this.#waiting(attachments));
    add(server, this.#waiting(this.#service(NodeIdentityService, ({ leading }) => leading?.nodeIdentity, this.#nodes)));
    add(
      server,
      this.#service(DispatcherService, ({ dispatcher }) => dispatcher.services?.dispatcher, this.#nodes),
    );
    add(
      server,
      this.#service(NodeSessionService, ({ dispatcher }) => dispatcher.services?.nodeSession, this.#nodes),
    );
    add(
      server,
      this.#service(LINK_SERVICE, ({ leading }) => leading?.links, this.#nodes),
    );
    add(
      server,
      this.#service(LogBrokerService, ({ leading }) => leading?.logBroker, this.#nodes),
    );
    const health = () => ({
      isServing: manager.phase === "running",
      isReachable: manager.phase === "running" || manager.phase === "starting",
    });
    server.addService(HealthService, healthService(health, manager.log));
  }

  /** Refused while the manager does not run. */
  #service(definition: ServiceDefinition, pick: Picking, proxy: CallProxy): RawService {
    const manager = this.#manager;
    const here = () => {
      const { phase, member } = manager;
      const refusal = refusalOf(phase);
      if (refusal) return refusing(definition, refusal);
      return member ? pick(member) : refusing(definition, refusalOf("starting")!);
    };
    return switchable(definition, here, proxy);
  }

  #waiting(service: RawService): RawService {
    const manager = this.#manager;
    const patience: Patience = {
      leader: () => manager.member?.leader(),
      anotherLeader: () => manager.member?.anotherLeader(),
      seen: (trailer) => manager.member?.seen(trailer),
    };
    return patient(service, patience);
  }
}

/** The leader changes and reads; every other manager reads. */
function controlHere({ leading, control, reads }: ServedMember): UntypedServiceImplementation {
  return leading ? control : reads;
}

function add(server: ServiceHost, { definition, implementation }: RawService): void {
  server.addService(definition, implementation);
}
