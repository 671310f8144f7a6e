/** A generator of writes over gRPC, a process of its own: `load.js {"peer":…}` prints what it measured as one line of JSON. */

import { CreateServiceRequest } from "../../src/api/generated/docker/swarmkit/v1/control.js";
import { ServiceSpec } from "../../src/api/generated/docker/swarmkit/v1/specs.js";
import { Any } from "../../src/api/generated/google/protobuf/any.js";
import { ProcessSpec } from "../../src/api/generated/tswarm/v1/process.js";
import { encodePut, PUT_PATH } from "./etcd.js";
import { type LightClient, openLightClient } from "./light-client.js";

export interface LoadOrder {
  readonly peer: "etcd" | "tswarm";
  /** HOST:PORT or a socket's path. */
  readonly address: string;
  readonly connections: number;
  /** Calls under way on each connection. */
  readonly inFlight: number;
  readonly seconds: number;
  /** Bytes of each write's value. */
  readonly valueBytes: number;
  /** Makes names of this run unique. */
  readonly run: string;
}

export interface LoadResult {
  readonly writes: number;
  readonly failed: number;
  readonly seconds: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** CPU time of the generator, ms. */
  readonly cpuMs: number;
}

const CREATE_PATH = "/docker.swarmkit.v1.Control/CreateService";

const order = JSON.parse(process.argv[2] ?? "{}") as LoadOrder;
const value = Buffer.alloc(order.valueBytes, "v");
const payload = Any.fromPartial({
  typeUrl: "type.googleapis.com/tswarm.v1.ProcessSpec",
  value: Buffer.from(ProcessSpec.encode(ProcessSpec.fromPartial({ command: ["/bin/true"] })).finish()),
});
const clients = await Promise.all(Array.from({ length: order.connections }, () => openLightClient(order.address)));
const timesMs: number[] = [];
let failed = 0;
let next = 0;

// The first calls open the connections.
await Promise.all(clients.map((client) => write(client)));
timesMs.length = 0;
const cpuBefore = process.cpuUsage();
const startedMs = performance.now();
const endMs = startedMs + order.seconds * 1000;
await Promise.all(clients.flatMap((client) => Array.from({ length: order.inFlight }, () => writer(client))));
const seconds = (performance.now() - startedMs) / 1000;
const { user, system } = process.cpuUsage(cpuBefore);
timesMs.sort((a, b) => a - b);
const at = (share: number) => timesMs[Math.floor(timesMs.length * share)] ?? 0;
const result: LoadResult = {
  writes: timesMs.length,
  failed,
  seconds,
  p50Ms: at(0.5),
  p99Ms: at(0.99),
  cpuMs: (user + system) / 1000,
};
console.log(JSON.stringify(result));
for (const client of clients) client.close();

async function writer(client: LightClient): Promise<void> {
  while (performance.now() < endMs) await write(client);
}

async function write(client: LightClient): Promise<void> {
  const name = `${order.run}-${next++}`;
  const begun = performance.now();
  try {
    if (order.peer === "etcd") await client.call(PUT_PATH, encodePut(name, value));
    else await client.call(CREATE_PATH, CreateServiceRequest.encode({ spec: specOf(name) }).finish());
    timesMs.push(performance.now() - begun);
  } catch (error) {
    if (failed++ === 0) console.error(String(error));
  }
}

function specOf(name: string): ServiceSpec {
  return ServiceSpec.fromPartial({
    annotations: { name, labels: { value: value.toString("latin1") } },
    task: { runtime: { $case: "generic", value: { kind: "process", payload } } },
    mode: { $case: "replicated", value: { replicas: 0 } },
  });
}
