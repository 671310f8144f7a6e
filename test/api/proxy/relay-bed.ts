/** Two servers on loopback with one service: the first forwards to the second unless it is told to serve by itself. */
import {
  Client,
  credentials,
  Metadata,
  type MethodDefinition,
  Server,
  ServerCredentials,
  type ServiceDefinition,
  type UntypedServiceImplementation,
} from "@grpc/grpc-js";
import type { ExecutionContext } from "ava";
import { CallProxy, type ProxyOptions, type ProxyTarget } from "../../../src/api/proxy/call-proxy.js";
import { rawDefinition } from "../../../src/api/proxy/raw-service.js";
import { switchable } from "../../../src/api/proxy/switchable.js";

const serialize = (value: string): Buffer => Buffer.from(`"${value}"`);
const deserialize = (bytes: Buffer): string => {
  const text = bytes.toString();
  if (!text.startsWith('"')) throw new Error("not a string");
  return text.slice(1, -1);
};

function method(path: string, requestStream: boolean, responseStream: boolean): MethodDefinition<string, string> {
  return {
    path,
    requestStream,
    responseStream,
    requestSerialize: serialize,
    requestDeserialize: deserialize,
    responseSerialize: serialize,
    responseDeserialize: deserialize,
  };
}

export const WORDS = {
  say: method("/test.Words/Say", false, false),
  gather: method("/test.Words/Gather", true, false),
  spread: method("/test.Words/Spread", false, true),
  talk: method("/test.Words/Talk", true, true),
} satisfies ServiceDefinition;

export interface Bed {
  /** To the server that forwards. */
  readonly client: Client;
  readonly proxy: CallProxy;
  /** Handlers of the server that forwards; undefined while it forwards. */
  local: UntypedServiceImplementation | undefined;
  target: ProxyTarget | undefined;
  readonly leader: Server;
  readonly defects: string[];
}

export async function startBed(
  t: ExecutionContext,
  implementation: UntypedServiceImplementation,
  options: Partial<ProxyOptions> = {},
): Promise<Bed> {
  const leader = new Server();
  leader.addService(WORDS, implementation);
  const toLeader = open(await listen(leader));
  const defects: string[] = [];
  const proxy = new CallProxy({
    target: () => bed.target,
    noTarget: () => "nobody leads",
    caller: () => ({ nodeId: "n1", organizationalUnit: "swarm-worker", clusterId: "c1" }),
    log: (line) => defects.push(line),
    ...options,
  });
  const follower = new Server();
  const service = switchable(WORDS, () => bed.local, proxy);
  follower.addService(service.definition, service.implementation);
  const client = open(await listen(follower));
  const bed: Bed = { client, proxy, local: undefined, target: { client: toLeader }, leader, defects };
  t.teardown(() => {
    client.close();
    toLeader.close();
    leader.forceShutdown();
    follower.forceShutdown();
  });
  return bed;
}

/** A server all of whose methods are forwarded by `proxy`. @returns a client to it */
export async function startForwarder(
  t: ExecutionContext,
  implementation: UntypedServiceImplementation,
): Promise<Client> {
  const server = new Server();
  server.addService(rawDefinition(WORDS), implementation);
  const client = open(await listen(server));
  t.teardown(() => {
    client.close();
    server.forceShutdown();
  });
  return client;
}

export function listen(server: Server): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) =>
      error ? reject(error) : resolve(port),
    );
  });
}

export const open = (port: number): Client =>
  new Client(`127.0.0.1:${port}`, credentials.createInsecure(), { "grpc.enable_http_proxy": 0 });

export function metadataOf(entries: Record<string, string>): Metadata {
  const metadata = new Metadata();
  for (const [key, value] of Object.entries(entries)) metadata.set(key, value);
  return metadata;
}
