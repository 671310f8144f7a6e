/** Somebody who runs services, and asks whichever manager answers. */
import { type Client, type ServiceError, status } from "@grpc/grpc-js";
import { callUnary, openChannel, type UnaryMethod } from "../../src/api/client-call.js";
import {
  ControlService,
  UpdateServiceRequest_Rollback as Rollback,
  type ListServiceStatusesResponse_ServiceStatus as ServiceStatus,
} from "../../src/api/generated/docker/swarmkit/v1/control.js";
import type { Node, Service, Task } from "../../src/api/generated/docker/swarmkit/v1/objects.js";
import {
  type NodeSpec_Availability as Availability,
  ServiceSpec,
} from "../../src/api/generated/docker/swarmkit/v1/specs.js";
import {
  TaskState,
  UpdateStatus_UpdateState as UpdateState,
} from "../../src/api/generated/docker/swarmkit/v1/types.js";
import { ProcessSpec } from "../../src/api/generated/tswarm/v1/process.js";
import { grpcTarget, trustingCredentials } from "../../src/security/transport.js";
import type { Cluster } from "./cluster.js";

const CALL_TIMEOUT_MS = 10_000;
const LOOK_MS = 100;
/** On a machine that does much else. */
const PATIENCE_MS = 60_000;

type ServiceFields = NonNullable<Parameters<typeof ServiceSpec.fromPartial>[0]>;

export interface ProcessCommand {
  readonly command: readonly string[];
  readonly env: readonly string[];
}

export class Operator {
  readonly #sockets: readonly string[];
  /** Which of them is asked. */
  #asked = 0;
  #channel: Client | undefined;

  /** @param sockets of the managers */
  constructor(sockets: readonly string[]) {
    this.#sockets = sockets;
  }

  static of(cluster: Cluster): Operator {
    return new Operator(cluster.managers.map((name) => cluster.socketOf(name)));
  }

  async create(name: string, { command, env }: ProcessCommand, more: ServiceFields): Promise<Service> {
    const spec = ServiceSpec.fromPartial({
      annotations: { name },
      ...more,
      task: { ...more.task, runtime: { $case: "generic", value: { kind: "process", payload: payload(command, env) } } },
    });
    return (await this.#call(ControlService.createService, { spec })).service!;
  }

  /** What is changed meanwhile is not lost: the change is made on what is there then. */
  async update(id: string, change: (spec: ServiceSpec) => ServiceSpec): Promise<void> {
    await this.#write(id, (service) => ({ spec: change(service.spec!), rollback: Rollback.NONE }));
  }

  async scale(id: string, replicas: number): Promise<void> {
    await this.update(id, (spec) => ({ ...spec, mode: { $case: "replicated", value: { replicas } } }));
  }

  /** The tasks' command stays, with another environment. */
  async release(id: string, { command, env }: ProcessCommand): Promise<void> {
    await this.update(id, (spec) => ({
      ...spec,
      task: {
        ...spec.task!,
        runtime: { $case: "generic", value: { kind: "process", payload: payload(command, env) } },
      },
    }));
  }

  async rollBack(id: string): Promise<void> {
    await this.#write(id, ({ spec }) => ({ spec: spec!, rollback: Rollback.PREVIOUS }));
  }

  async remove(id: string): Promise<void> {
    await this.#call(ControlService.removeService, { serviceId: id });
  }

  async service(id: string): Promise<Service> {
    return (await this.#call(ControlService.getService, { serviceId: id, insertDefaults: false })).service!;
  }

  async tasks(id: string): Promise<readonly Task[]> {
    const filters = {
      ...{ names: [], idPrefixes: [], labels: {}, serviceIds: [id], nodeIds: [], desiredStates: [] },
      ...{ namePrefixes: [], runtimes: [], upToDate: false },
    };
    return (await this.#call(ControlService.listTasks, { filters })).tasks;
  }

  /** What the managers say of its tasks, a line each, for whoever looks for what went wrong. */
  async describe(id: string): Promise<string> {
    return (await this.tasks(id))
      .map(({ slot, nodeId, desiredState, status }) => {
        const { state = 0, message = "", err = "" } = status ?? {};
        return `${slot} on ${nodeId.slice(0, 4)}: ${TaskState[state]} → ${TaskState[desiredState]} ${message} ${err}`;
      })
      .sort()
      .join("\n");
  }

  async counts(id: string): Promise<ServiceStatus> {
    return (await this.#call(ControlService.listServiceStatuses, { services: [id] })).statuses[0]!;
  }

  async node(nodeId: string): Promise<Node> {
    return (await this.#call(ControlService.getNode, { nodeId })).node!;
  }

  async setAvailability(nodeId: string, availability: Availability): Promise<void> {
    const node = await this.node(nodeId);
    await this.#call(ControlService.updateNode, {
      nodeId,
      nodeVersion: node.meta?.version,
      spec: { ...node.spec!, availability },
    });
  }

  /** All of its tasks run, as the managers see it. */
  async untilRunning(id: string, count: number): Promise<void> {
    let seen: ServiceStatus | undefined;
    await this.until(
      async () => {
        seen = await this.counts(id);
        return seen.runningTasks === count && seen.desiredTasks === count;
      },
      async () => `${count} tasks run; ${seen?.runningTasks} of ${seen?.desiredTasks} do:\n${await this.describe(id)}`,
    );
  }

  /** @returns the service when its update has come so far */
  async untilUpdate(id: string, state: UpdateState): Promise<Service> {
    let service: Service | undefined;
    await this.until(
      async () => {
        service = await this.service(id);
        return service.updateStatus?.state === state;
      },
      () => {
        const { updateStatus } = service ?? {};
        return `the update is ${UpdateState[state]}; it is ${UpdateState[updateStatus?.state ?? 0]} ${updateStatus?.message}`;
      },
    );
    return service!;
  }

  /** @param what is waited for, said when it does not come */
  async until(holds: () => boolean | Promise<boolean>, what: () => string | Promise<string>): Promise<void> {
    const end = Date.now() + PATIENCE_MS;
    while (!(await holds())) {
      if (Date.now() > end) throw new Error(`not within ${PATIENCE_MS / 1000} s: ${await what()}`);
      await new Promise((wake) => setTimeout(wake, LOOK_MS));
    }
  }

  async #write(id: string, change: (service: Service) => { spec: ServiceSpec; rollback: Rollback }): Promise<void> {
    for (;;) {
      const service = await this.service(id);
      try {
        await this.#call(ControlService.updateService, {
          serviceId: id,
          serviceVersion: service.meta?.version,
          ...change(service),
        });
        return;
      } catch (error) {
        if (!/update out of sequence/.test((error as Error).message)) throw error;
      }
    }
  }

  close(): void {
    this.#channel?.close();
    this.#channel = undefined;
  }

  /** Managers that do not answer, or know no leader, are passed over until one does. */
  async #call<Request, Response>(method: UnaryMethod<Request, Response>, request: Request): Promise<Response> {
    const end = Date.now() + PATIENCE_MS;
    for (;;) {
      this.#channel ??= openChannel(grpcTarget(this.#sockets[this.#asked]!), trustingCredentials(), true);
      try {
        return await callUnary(this.#channel, method, request, { timeoutMs: CALL_TIMEOUT_MS });
      } catch (error) {
        const { code } = error as Partial<ServiceError>;
        const isAway = code === status.UNAVAILABLE || code === status.DEADLINE_EXCEEDED || code === status.ABORTED;
        if (!isAway || Date.now() > end) throw error;
        this.close();
        this.#asked = (this.#asked + 1) % this.#sockets.length;
        await new Promise((wake) => setTimeout(wake, LOOK_MS));
      }
    }
  }
}

function payload(command: readonly string[], env: readonly string[]) {
  const spec = ProcessSpec.fromPartial({ command: [...command], env: [...env] });
  return {
    typeUrl: "type.googleapis.com/tswarm.v1.ProcessSpec",
    value: Buffer.from(ProcessSpec.encode(spec).finish()),
  };
}
