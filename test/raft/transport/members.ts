/** Members' transports on loopback: real servers, and handlers that write down what they are told. */
import {
  ChannelCredentials,
  Client,
  Server,
  ServerCredentials,
  type ServiceDefinition,
  type UntypedServiceImplementation,
} from "@grpc/grpc-js";
import type { ExecutionContext } from "ava";
import type { Message } from "../../../src/api/generated/raftpb/raft.js";
import { SERVER_OPTIONS } from "../../../src/api/transport-options.js";
import { GrpcTransport } from "../../../src/raft/transport/grpc-transport.js";
import type { TransportLimits } from "../../../src/raft/transport/limits.js";
import { RaftServices } from "../../../src/raft/transport/raft-services.js";
import type { TransportHandler } from "../../../src/raft/transport/transport.js";

export interface Told {
  readonly received: Message[];
  readonly addresses: Set<string | undefined>;
  readonly unreachable: string[];
  readonly snapshots: { readonly id: string; readonly delivered: boolean }[];
  readonly removedBy: (string | undefined)[];
}

export interface TestMember {
  readonly id: string;
  readonly address: string;
  readonly transport: GrpcTransport;
  readonly services: RaftServices;
  readonly handler: TransportHandler;
  readonly told: Told;
  readonly logged: string[];
  /** The other side of nothing: connections break. */
  stopServer(): void;
  /** Listens again where it was. */
  startServer(): Promise<void>;
}

export interface MemberOptions {
  readonly handler?: Partial<TransportHandler>;
  readonly limits?: Partial<TransportLimits>;
  /** Which services its server has; both without. */
  readonly serves?: readonly ("transport" | "raft")[];
  readonly credentials?: { readonly server: ServerCredentials; readonly channel: ChannelCredentials };
  readonly isNotRunning?: boolean;
}

export async function startMember(t: ExecutionContext, id: string, options: MemberOptions = {}): Promise<TestMember> {
  const told: Told = { received: [], addresses: new Set(), unreachable: [], snapshots: [], removedBy: [] };
  const handler: TransportHandler = {
    receive(_from, address, messages) {
      told.addresses.add(address);
      told.received.push(...messages);
    },
    receiveSnapshot: async () => {
      throw new Error("this member wants none");
    },
    openSnapshot: () => undefined,
    unreachable: (peer) => told.unreachable.push(peer),
    snapshotSent: (peer, delivered) => told.snapshots.push({ id: peer, delivered }),
    isRemoved: () => false,
    removedByPeers: (by) => told.removedBy.push(by),
    ...options.handler,
  };
  const logged: string[] = [];
  const log = (line: string) => void logged.push(line);
  const services = new RaftServices({
    resolveAddress: (member) => (member === id ? "10.0.0.1:4242" : undefined),
    log,
  });
  if (!options.isNotRunning) services.setHandler(handler);
  const credentials = options.credentials?.server ?? ServerCredentials.createInsecure();
  const start = async (port: number) => {
    const server = new Server(SERVER_OPTIONS);
    for (const name of options.serves ?? (["transport", "raft"] as const)) {
      server.addService(services[name].definition, services[name].implementation);
    }
    return { server, port: await listen(server, port, credentials) };
  };
  let { server, port } = await start(0);
  const address = `127.0.0.1:${port}`;
  const transport = new GrpcTransport({ id, address }, handler, {
    credentials: () => options.credentials?.channel ?? ChannelCredentials.createInsecure(),
    log,
    limits: { lastPauseMs: 100, ...options.limits },
  });
  t.teardown(async () => {
    await transport.stop();
    server.forceShutdown();
  });
  return {
    id,
    address,
    transport,
    services,
    handler,
    told,
    logged,
    stopServer: () => server.forceShutdown(),
    async startServer() {
      ({ server, port } = await start(port));
    },
  };
}

/** Any services on a port of their own. @returns the address */
export async function serve(
  t: ExecutionContext,
  ...services: { definition: ServiceDefinition; implementation: UntypedServiceImplementation }[]
): Promise<string> {
  const server = new Server(SERVER_OPTIONS);
  for (const { definition, implementation } of services) server.addService(definition, implementation);
  const port = await listen(server, 0, ServerCredentials.createInsecure());
  t.teardown(() => server.forceShutdown());
  return `127.0.0.1:${port}`;
}

export function openClient(t: ExecutionContext, address: string): Client {
  const client = new Client(address, ChannelCredentials.createInsecure(), { "grpc.enable_http_proxy": 0 });
  t.teardown(() => client.close());
  return client;
}

function listen(server: Server, port: number, credentials: ServerCredentials): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync(`127.0.0.1:${port}`, credentials, (error, bound) => (error ? reject(error) : resolve(bound)));
  });
}

/** Looks again and again; the test's own time limit is the end. @param meanwhile done before each look */
export async function until(condition: () => boolean, meanwhile: () => void = () => {}): Promise<void> {
  for (;;) {
    meanwhile();
    if (condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

export const isConnected = (member: TestMember, id: string): boolean =>
  member.transport.peers().some((peer) => peer.id === id && peer.connected);
