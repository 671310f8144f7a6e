/** Tasks as a busy cluster has them: of 100 services with two networks each, on 200 nodes, all running. */
import {
  Endpoint,
  type Network,
  Network as NetworkMessage,
  Task,
} from "../../src/api/generated/docker/swarmkit/v1/objects.js";
import { TaskSpec } from "../../src/api/generated/docker/swarmkit/v1/specs.js";
import { type Annotations, TaskState } from "../../src/api/generated/docker/swarmkit/v1/types.js";

const SERVICES = 100;
const NODES = 200;

const idOf = (kind: string, number: number) => kind + String(number).padStart(25 - kind.length, "0");

interface SampleService {
  readonly id: string;
  readonly spec: TaskSpec;
  readonly endpoint: Endpoint;
  readonly annotations: Annotations;
  readonly networks: readonly Network[];
}

/** Objects that a service's tasks have in common are the same objects, as the orchestrator makes them. */
export class SampleCluster {
  readonly #networks = Array.from({ length: 20 }, (_, number) => network(number));
  readonly #services = Array.from({ length: SERVICES }, (_, number) => this.#service(number));
  readonly #nodeIds = Array.from({ length: NODES }, (_, number) => idOf("node", number));

  task(number: number): Task {
    const service = this.#services[number % SERVICES]!;
    const slot = Math.floor(number / SERVICES) + 1;
    const id = idOf("task", number);
    const at = { seconds: 1_767_225_600 + number, nanos: 123_456_789 };
    return {
      ...Task.fromPartial({
        id,
        meta: { version: { index: 0 } },
        specVersion: { index: 20 + (number % SERVICES) },
        serviceId: service.id,
        slot,
        nodeId: this.#nodeIds[number % NODES]!,
        annotations: { name: `${service.annotations.name}.${slot}.${id}` },
        status: {
          timestamp: at,
          state: TaskState.RUNNING,
          message: "started",
          runtimeStatus: {
            $case: "container",
            value: { containerId: id.repeat(3).slice(0, 64), pid: 1000 + number, exitCode: 0 },
          },
          portStatus: {},
          appliedBy: this.#nodeIds[0]!,
          appliedAt: at,
        },
        desiredState: TaskState.RUNNING,
      }),
      spec: service.spec,
      endpoint: service.endpoint,
      serviceAnnotations: service.annotations,
      networks: service.networks.map((one, index) => ({
        network: one,
        addresses: [`10.${index}.${number >> 8}.${number & 255}/16`],
        aliases: [service.annotations.name],
        driverAttachmentOpts: {},
      })),
    };
  }

  #service(number: number): SampleService {
    const name = `shop-${number}_backend`;
    const networks = [this.#networks[number % 20]!, this.#networks[(number * 7 + 1) % 20]!];
    const ports = [
      { name: "http", protocol: 0, targetPort: 8080, publishedPort: 30_000 + number, publishMode: 0 },
      { name: "metrics", protocol: 0, targetPort: 9090, publishedPort: 0, publishMode: 0 },
    ];
    return {
      id: idOf("service", number),
      networks,
      annotations: { name, labels: { "com.docker.stack.namespace": `shop-${number}`, tier: "backend" }, indices: [] },
      endpoint: Endpoint.fromPartial({
        spec: { ports },
        ports,
        virtualIps: networks.map((one, index) => ({ networkId: one.id, addr: `10.${index}.0.${number}/16` })),
      }),
      spec: TaskSpec.fromPartial({
        runtime: {
          $case: "container",
          value: {
            image: `registry.example.org/shop/backend-${number}:2.4.1@sha256:${"ab".repeat(32)}`,
            labels: { "com.docker.stack.namespace": `shop-${number}`, maintainer: "platform@example.org" },
            args: ["serve", "--listen", ":8080", "--metrics", ":9090"],
            env: Array.from({ length: 12 }, (_, i) => `SETTING_NUMBER_${i}=value of setting ${i} of service ${number}`),
            mounts: [
              { type: 1, source: `data-${number}`, target: "/var/lib/data" },
              { type: 2, target: "/tmp" },
            ],
            secrets: [{ secretId: idOf("secret", number), secretName: `db-${number}` }],
            configs: [{ configId: idOf("config", number), configName: `app-${number}` }],
            healthcheck: { test: ["CMD", "/bin/check", "--quick"], retries: 3 },
          },
        },
        resources: {
          limits: { nanoCpus: 2_000_000_000, memoryBytes: 1 << 30 },
          reservations: { nanoCpus: 500_000_000, memoryBytes: 1 << 28 },
        },
        restart: { condition: 2, maxAttempts: 5 },
        placement: { constraints: ["node.labels.zone==a", "node.role==worker"] },
        logDriver: { name: "json-file", options: { "max-size": "10m", "max-file": "3" } },
        networks: networks.map((one) => ({ target: one.id, aliases: ["backend"] })),
      }),
    };
  }
}

function network(number: number): Network {
  const config = { family: 4, subnet: `10.${number}.0.0/16`, gateway: `10.${number}.0.1` };
  return NetworkMessage.fromPartial({
    id: idOf("network", number),
    meta: {
      version: { index: number + 1 },
      createdAt: { seconds: 1_767_225_600 },
      updatedAt: { seconds: 1_767_225_601 },
    },
    spec: {
      annotations: { name: `shop-net-${number}`, labels: { "com.docker.stack.namespace": `shop-${number}` } },
      driverConfig: { name: "overlay", options: { "com.docker.network.driver.mtu": "1400" } },
      attachable: true,
    },
    driverState: {
      name: "overlay",
      options: { "com.docker.network.driver.overlay.vxlanid_list": String(4096 + number) },
    },
    ipam: { driver: { name: "default" }, configs: [config] },
  });
}
