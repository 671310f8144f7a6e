/** The control API of a cluster on the fabric, for what must not wait for a command to start. */
import { ControlClient } from "../../src/api/generated/docker/swarmkit/v1/control.js";
import { ServiceSpec } from "../../src/api/generated/docker/swarmkit/v1/specs.js";
import { PortConfig_Protocol } from "../../src/api/generated/docker/swarmkit/v1/types.js";
import { ProcessSpec } from "../../src/api/generated/tswarm/v1/process.js";
import { grpcTarget, trustingCredentials } from "../../src/security/transport.js";

export interface ProcessService {
  readonly name: string;
  readonly replicas: number;
  readonly command: readonly string[];
  readonly publish?: readonly { readonly published: number; readonly target: number }[];
  readonly constraints?: readonly string[];
}

/** @returns when the request was sent, ms since 1970 */
export async function createService(socket: string, service: ProcessService): Promise<number> {
  const client = new ControlClient(grpcTarget(socket), trustingCredentials());
  try {
    await new Promise<void>((resolve, reject) => {
      client.waitForReady(Date.now() + 5000, (error) => (error ? reject(error) : resolve()));
    });
    const started = Date.now();
    await new Promise<void>((resolve, reject) => {
      client.createService({ spec: serviceSpec(service) }, (error) => (error ? reject(error) : resolve()));
    });
    return started;
  } finally {
    client.close();
  }
}

function serviceSpec({ name, replicas, command, publish, constraints }: ProcessService): ServiceSpec {
  const value = Buffer.from(ProcessSpec.encode(ProcessSpec.fromPartial({ command })).finish());
  const payload = { typeUrl: "type.googleapis.com/tswarm.v1.ProcessSpec", value };
  return ServiceSpec.fromPartial({
    annotations: { name },
    task: {
      runtime: { $case: "generic", value: { kind: "process", payload } },
      placement: { constraints: constraints ?? [] },
    },
    mode: { $case: "replicated", value: { replicas } },
    endpoint: {
      ports: (publish ?? []).map(({ published, target }) => ({
        protocol: PortConfig_Protocol.TCP,
        publishedPort: published,
        targetPort: target,
      })),
    },
  });
}
