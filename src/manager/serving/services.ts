/** Which services a manager offers on its two doors, and who answers each call: this manager, the leader, or nobody yet. */
import type { Server, ServiceDefinition, UntypedServiceImplementation } from "@grpc/grpc-js";
import { CAService } from "../../api/generated/docker/swarmkit/v1/ca.js";
import { ControlService } from "../../api/generated/docker/swarmkit/v1/control.js";
import { DispatcherService } from "../../api/generated/docker/swarmkit/v1/dispatcher.js";
import { HealthService } from "../../api/generated/docker/swarmkit/v1/health.js";
import { RaftMembershipService } from "../../api/generated/docker/swarmkit/v1/raft.js";
import { NodeRole } from "../../api/generated/docker/swarmkit/v1/types.js";
import { WatchService } from "../../api/generated/docker/swarmkit/v1/watch.js";
import { InspectorService } from "../../api/generated/tswarm/v1/link.js";
import { LocalManagerService } from "../../api/generated/tswarm/v1/manager.js";
import { CallProxy } from "../../api/proxy/call-proxy.js";
import type { RawService } from "../../api/proxy/raw-service.js";
import { switchable } from "../../api/proxy/switchable.js";
import type { CallContext } from "../../api/server-call.js";
import { permissionDenied, unavailable } from "../../api/status-error.js";
import { type CallerIdentity, ORGANIZATIONAL_UNIT } from "../../security/identity.js";
import { healthService } from "../health.js";
import { LINK_SERVICE } from "../link/link-service.js";
import { guarded } from "./guarded.js";
import { type LocalManagerHost, localManagerService } from "./local-manager.js";
import { type Patience, patient } from "./patient.js";
import { type Phase, refusalOf } from "./phase.js";
import { refusing } from "./refusing.js";
import type { ServedMember } from "./served-member.js";
import { unlockKeyService } from "./unlock-key-service.js";

export interface ServingManager extends LocalManagerHost {
  readonly phase: Phase;
  readonly member: ServedMember | undefined;
  readonly identity: CallerIdentity;
  /** The Watch service of the running member's store. */
  readonly watch: UntypedServiceImplementation | undefined;
  readonly log: (line: string) => void;
}

/** Picks the handlers of a service for a call; undefined sends it to the leader. */
type Pick = (member: ServedMember) => UntypedServiceImplementation | undefined;

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
    const clusterId = () => manager.member?.store.view((read) => read.all("cluster"))[0]?.id ?? "";
    const caller = (context: CallContext) => {
      const { nodeId, role } = identity.identify(context);
      return { nodeId, organizationalUnit: ORGANIZATIONAL_UNIT[role] ?? "", clusterId: clusterId() };
    };
    this.#nodes = new CallProxy({ target, noTarget, caller, log });
  }

  /** For people and programs on this host. */
  addToControlSocket(server: Server): void {
    const manager = this.#manager;
    this.#addNodeServices(server);
    add(server, this.#waiting(this.#service(ControlService, (member) => controlHere(member), this.#own)));
    add(server, this.#waiting(this.#service(InspectorService, (member) => member.leading?.inspector, this.#own)));
    add(
      server,
      this.#service(WatchService, () => manager.watch, this.#own),
    );
    add(
      server,
      this.#service(CAService, (member) => this.#unlockKey(member, () => {}), this.#own),
    );
    server.addService(LocalManagerService, localManagerService(manager, manager.log));
  }

  /** For nodes and other managers. */
  addToRemotePort(server: Server): void {
    const managersOnly = (context: CallContext) => this.#checkManager(context);
    this.#addNodeServices(server);
    add(server, this.#waiting(this.#service(RaftMembershipService, ({ leading }) => leading?.membership, this.#nodes)));
    // Only what other managers pass on to the leader; it is not passed on again.
    const led = (definition: ServiceDefinition, pick: Pick) =>
      this.#service(
        definition,
        (member) => {
          const here = member.leading && pick(member);
          return here ? guarded(here, managersOnly) : refusing(definition, unavailable(member.noLeaderText));
        },
        this.#own,
      );
    add(server, this.#waiting(led(ControlService, ({ control }) => control)));
    add(server, this.#waiting(led(InspectorService, ({ leading }) => leading?.inspector)));
    add(
      server,
      this.#service(CAService, (member) => this.#unlockKey(member, managersOnly), this.#own),
    );
  }

  /** Streams that go through this manager end, so that who holds them finds the new leader. */
  leaderChanged(): void {
    this.#own.reset();
    this.#nodes.reset();
  }

  #addNodeServices(server: Server): void {
    const manager = this.#manager;
    add(
      server,
      this.#service(DispatcherService, ({ leading }) => leading?.dispatcher, this.#nodes),
    );
    add(
      server,
      this.#service(LINK_SERVICE, ({ leading }) => leading?.links, this.#nodes),
    );
    const health = () => ({
      isServing: manager.phase === "running",
      isReachable: manager.phase === "running" || manager.phase === "starting",
    });
    server.addService(HealthService, healthService(health, manager.log));
  }

  #unlockKey({ store }: ServedMember, check: (context: CallContext) => void): UntypedServiceImplementation {
    return unlockKeyService(store, check, this.#manager.log);
  }

  /** Refused while the manager does not run. */
  #service(definition: ServiceDefinition, pick: Pick, proxy: CallProxy): RawService {
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

  /** @throws StatusError (PERMISSION_DENIED) for whoever is no member */
  #checkManager(context: CallContext): void {
    const { nodeId, role, forwardedBy } = this.#manager.identity.identify(context);
    const member = forwardedBy ?? nodeId;
    const isMember = this.#manager.raft?.members().some((one) => one.nodeId === member);
    if (!isMember || (role !== NodeRole.MANAGER && !forwardedBy)) {
      throw permissionDenied(`${context.path}: node ${member} is no manager of this cluster`);
    }
  }
}

/** The leader changes and reads; every other manager reads. */
function controlHere({ leading, control, reads }: ServedMember): UntypedServiceImplementation {
  return leading ? control : reads;
}

function add(server: Server, { definition, implementation }: RawService): void {
  server.addService(definition, implementation);
}
