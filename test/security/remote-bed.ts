/** A port for nodes with services behind it that say who called, and what a cluster knows of its nodes. */
import { ChannelCredentials, type Client, Metadata, type ServiceError, status } from "@grpc/grpc-js";
import type { ExecutionContext } from "ava";
import { callUnary, openChannel, type UnaryMethod } from "../../src/api/client-call.js";
import { CAService } from "../../src/api/generated/docker/swarmkit/v1/ca.js";
import {
  DispatcherService,
  HeartbeatRequest,
  type SessionRequest,
} from "../../src/api/generated/docker/swarmkit/v1/dispatcher.js";
import { HealthCheckRequest, HealthService } from "../../src/api/generated/docker/swarmkit/v1/health.js";
import { LocalManagerService } from "../../src/api/generated/tswarm/v1/manager.js";
import { partialService } from "../../src/api/partial-service.js";
import { type CallContext, type ResponseStream, serverStream, unary } from "../../src/api/server-call.js";
import { RemoteServer, type RemoteServerOptions } from "../../src/manager/serving/remote-server.js";
import { type Caller, type CallOrigin, CertificateIdentity } from "../../src/security/identity.js";
import type { NodeCertificate } from "../../src/security/node-certificate/node-certificate.js";
import type { TlsIdentity } from "../../src/security/tls/tls-identity.js";
import { Authority, CLUSTER } from "./authority.js";

const TIMEOUT_MS = 60_000;
export const MANAGER = "manager".padEnd(25, "0");

export interface Seen {
  readonly path: string;
  readonly caller: Caller | undefined;
  readonly origin: CallOrigin;
}

export class RemoteBed {
  readonly authority: Authority;
  readonly identity: TlsIdentity;
  readonly removed = new Set<string>();
  readonly managers = new Map<string, boolean>();
  readonly seen: Seen[] = [];
  readonly logged: string[] = [];
  readonly server: RemoteServer;
  readonly callers: CertificateIdentity;
  port = 0;
  readonly #clients: Client[] = [];

  private constructor(options: Partial<RemoteServerOptions>) {
    this.authority = new Authority();
    this.identity = this.authority.manager(MANAGER);
    this.callers = new CertificateIdentity(() => CLUSTER, {
      isRemoved: (nodeId) => this.removed.has(nodeId),
      isManager: (nodeId) => this.managers.get(nodeId),
    });
    const log = (line: string) => this.logged.push(line);
    this.server = new RemoteServer({ identity: this.identity, callers: this.callers, log, ...options });
    const note = (context: CallContext) => {
      const origin = this.callers.origin(context);
      this.seen.push({ path: context.path, caller: origin.caller, origin });
    };
    this.server.addService(
      CAService,
      partialService(
        CAService,
        {
          getRootCaCertificate: unary((_request, context) => {
            note(context);
            return { certificate: Buffer.from(this.authority.root.certificatePem) };
          }, log),
          getUnlockKey: unary((_request, context) => {
            note(context);
            return { unlockKey: Buffer.from("secret"), version: undefined };
          }, log),
        },
        log,
      ),
    );
    this.server.addService(HealthService, {
      check: unary((_request, context) => {
        note(context);
        return { status: 1 };
      }, log),
    });
    this.server.addService(
      DispatcherService,
      partialService(
        DispatcherService,
        {
          heartbeat: unary((_request, context) => {
            note(context);
            return { period: undefined };
          }, log),
          session: serverStream((_request: SessionRequest, stream: ResponseStream<object>) => {
            note(stream.context);
            stream.send({
              sessionId: "s",
              node: undefined,
              managers: [],
              networkBootstrapKeys: [],
              RootCA: Buffer.alloc(0),
            });
          }, log),
        },
        log,
      ),
    );
    this.server.addService(LocalManagerService, partialService(LocalManagerService, {}, log));
  }

  static async start(t: ExecutionContext, options: Partial<RemoteServerOptions> = {}): Promise<RemoteBed> {
    const bed = new RemoteBed(options);
    t.teardown(() => bed.stop());
    bed.port = await bed.server.listen("127.0.0.1:0");
    return bed;
  }

  client(credentials: ChannelCredentials): Client {
    const client = openChannel(`dns:127.0.0.1:${this.port}`, credentials, true);
    this.#clients.push(client);
    return client;
  }

  /** Shows this certificate, whoever answers. */
  clientWith({ certificatePem, keyPem, rootPem }: NodeCertificate): Client {
    const options = { rejectUnauthorized: false };
    const [root, key, chain] = [rootPem, keyPem, certificatePem].map((pem) => Buffer.from(pem));
    return this.client(ChannelCredentials.createSsl(root, key, chain, options));
  }

  /** Sends these bytes as the only request. @returns as {@link call} */
  callRaw(client: Client, path: string, request: Buffer, metadata = new Metadata()): Promise<string> {
    return new Promise((resolve) => {
      const same = (bytes: Buffer): Buffer => bytes;
      const stream = client.makeBidiStreamRequest(path, same, same, metadata, { deadline: Date.now() + TIMEOUT_MS });
      stream.on("error", () => stream.resume());
      stream.on("status", ({ code, details }) => resolve(code === status.OK ? "OK" : `${status[code]}: ${details}`));
      stream.resume();
      stream.end(request);
    });
  }

  /** @returns "OK", or the code and text that the call ended with */
  async call<Request, Response>(
    client: Client,
    method: UnaryMethod<Request, Response>,
    request: Request,
    metadata = new Metadata(),
  ): Promise<string> {
    return outcomeOf(callUnary(client, method, request, { timeoutMs: TIMEOUT_MS, metadata }));
  }

  health(client: Client, metadata?: Metadata): Promise<string> {
    return this.call(client, HealthService.check, HealthCheckRequest.create({ service: "Raft" }), metadata);
  }

  heartbeat(client: Client, metadata?: Metadata): Promise<string> {
    return this.call(client, DispatcherService.heartbeat, HeartbeatRequest.create({ sessionId: "s" }), metadata);
  }

  /** Waits for what the server notices by itself. */
  async until(holds: () => boolean): Promise<void> {
    const limit = Date.now() + TIMEOUT_MS;
    while (!holds()) {
      if (Date.now() > limit) throw new Error(`it never came to this: ${holds}; ${JSON.stringify(this.server.counts)}`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  async stop(): Promise<void> {
    for (const client of this.#clients) client.close();
    await this.server.shutDown();
  }
}

export async function outcomeOf(answer: Promise<unknown>): Promise<string> {
  try {
    await answer;
    return "OK";
  } catch (error) {
    const { code, details } = error as ServiceError;
    return `${status[code]}: ${details}`;
  }
}
