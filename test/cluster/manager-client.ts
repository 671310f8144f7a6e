/** A client of one manager, as other programs are: its calls fail while the manager is away, and it says what that means. */
import { type Client, Metadata, type ServiceError, status } from "@grpc/grpc-js";
import { callUnary, openChannel, type UnaryMethod } from "../../src/api/client-call.js";
import { ControlService } from "../../src/api/generated/docker/swarmkit/v1/control.js";
import type { Service } from "../../src/api/generated/docker/swarmkit/v1/objects.js";
import { ServiceSpec } from "../../src/api/generated/docker/swarmkit/v1/specs.js";
import { ProcessSpec } from "../../src/api/generated/tswarm/v1/process.js";
import { grpcTarget, trustingCredentials } from "../../src/security/transport.js";

/** What became of a call that failed. */
export type Failure =
  /** It has changed nothing, and never will. */
  | "nothing"
  /** It may have, or may yet. */
  | "unknown";

export class CallFailedError extends Error {
  override readonly name = "CallFailedError";
  constructor(
    readonly failure: Failure,
    message: string,
  ) {
    super(message);
  }
}

const REFUSALS = new Set([
  status.INVALID_ARGUMENT,
  status.ALREADY_EXISTS,
  status.NOT_FOUND,
  status.FAILED_PRECONDITION,
  status.RESOURCE_EXHAUSTED,
]);
const TIMEOUT_MS = 1500;

export class ManagerClient {
  #channel: Client | undefined;

  /** @param timeoutMs how long each call may take */
  constructor(
    readonly socket: string,
    readonly timeoutMs: number = TIMEOUT_MS,
  ) {}

  /** @throws CallFailedError */
  async createService(name: string): Promise<Service> {
    const { service } = await this.#call(ControlService.createService, { spec: idleService(name) });
    return service!;
  }

  /** As everybody sees it who asks from now on. @throws CallFailedError */
  async readService(serviceId: string): Promise<Service> {
    const { service } = await this.#call(
      ControlService.getService,
      { serviceId, insertDefaults: false },
      linearizable(),
    );
    return service!;
  }

  /** Changes the service if it is what it was when it was read. @throws CallFailedError */
  async writeLabel(service: Service, value: string): Promise<void> {
    const annotations = { ...service.spec!.annotations!, labels: { value } };
    await this.#call(ControlService.updateService, {
      serviceId: service.id,
      serviceVersion: service.meta?.version,
      spec: { ...service.spec!, annotations },
      rollback: 0,
    });
  }

  /** Names of all services. @throws CallFailedError */
  async serviceNames(): Promise<ReadonlySet<string>> {
    const { services } = await this.#call(ControlService.listServices, { filters: undefined }, linearizable());
    return new Set(services.map(({ spec }) => spec?.annotations?.name ?? ""));
  }

  close(): void {
    this.#channel?.close();
    this.#channel = undefined;
  }

  async #call<Request, Response>(
    method: UnaryMethod<Request, Response>,
    request: Request,
    metadata = new Metadata(),
  ): Promise<Response> {
    this.#channel ??= openChannel(grpcTarget(this.socket), trustingCredentials(), true);
    try {
      return await callUnary(this.#channel, method, request, { timeoutMs: this.timeoutMs, metadata });
    } catch (error) {
      const { code, details } = error as Partial<ServiceError>;
      if (code === undefined) throw error;
      // A manager that was killed has another socket when it is back.
      if (code === status.UNAVAILABLE || code === status.DEADLINE_EXCEEDED) this.close();
      throw new CallFailedError(failureOf(code, details ?? ""), `${status[code]}: ${details}`);
    }
  }
}

function failureOf(code: status, details: string): Failure {
  if (REFUSALS.has(code) || /update out of sequence/.test(details)) return "nothing";
  return code === status.UNAVAILABLE && /^No connection established/.test(details) ? "nothing" : "unknown";
}

function linearizable(): Metadata {
  const metadata = new Metadata();
  metadata.set("tswarm-read", "linearizable");
  return metadata;
}

/** Of no tasks. */
function idleService(name: string): ServiceSpec {
  const value = Buffer.from(ProcessSpec.encode(ProcessSpec.fromPartial({ command: ["true"] })).finish());
  const payload = { typeUrl: "type.googleapis.com/tswarm.v1.ProcessSpec", value };
  return ServiceSpec.fromPartial({
    annotations: { name },
    task: { runtime: { $case: "generic", value: { kind: "process", payload } } },
    mode: { $case: "replicated", value: { replicas: 0 } },
  });
}
