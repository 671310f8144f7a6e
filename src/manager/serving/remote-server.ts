/**
 * The port for nodes. One set of services behind three gRPC servers, which differ in what they allow a connection: to whom shows no
 * certificate almost nothing, to a worker what an agent needs, to a manager all that passes on the calls of others takes. Every call is
 * looked at before its handler.
 */
import {
  type ChannelOptions,
  type ConnectionInjector,
  Server,
  ServerCredentials,
  type ServiceDefinition,
  type UntypedServiceImplementation,
} from "@grpc/grpc-js";
import { admission } from "../../api/authorization/admission.js";
import { allowedRoles } from "../../api/authorization/allowed-roles.js";
import { NodeRole } from "../../api/generated/docker/swarmkit/v1/types.js";
import { AllowedRoles } from "../../api/generated/tswarm/v1/authorization.js";
import type { CertificateSubject } from "../../api/peer-certificate.js";
import type { CallContext } from "../../api/server-call.js";
import { resourceExhausted } from "../../api/status-error.js";
import { SERVER_OPTIONS } from "../../api/transport-options.js";
import { isForMembers } from "../../raft/transport/raft-services.js";
import { AttemptLimiter, type AttemptLimits } from "../../security/attempt-limiter.js";
import { Authorizer } from "../../security/authorizer.js";
import { type CallerIdentity, ORGANIZATIONAL_UNIT } from "../../security/identity.js";
import { TlsDoor, type TlsDoorOptions } from "../../security/tls/tls-door.js";
import { shutDown } from "./shut-down.js";

export interface RemoteServerOptions extends Omit<TlsDoorOptions, "enter"> {
  /** Who calls. */
  readonly callers: CallerIdentity;
  readonly visitors?: Partial<Record<Visitor, Partial<VisitorLimits>>>;
  /** Calls without a certificate, of one address. */
  readonly anonymousCalls?: AttemptLimits;
}

export type Visitor = "anonymous" | "worker" | "manager";

/** What one connection may do. */
export interface VisitorLimits {
  /** Calls at a time. */
  readonly streams: number;
  readonly messageBytes: number;
  /** Of one call. */
  readonly headerBytes: number;
  /** Without a call, until the connection is closed. */
  readonly idleMs?: number;
}

const LIMITS: Readonly<Record<Visitor, VisitorLimits>> = {
  // A join has one certificate request and one answer.
  anonymous: { streams: 16, messageBytes: 64 * 1024, headerBytes: 8192, idleMs: 10_000 },
  // A session, its assignments, the link, reports, and one stream for each log that somebody reads.
  worker: { streams: 512, messageBytes: 16 * 1024 * 1024, headerBytes: 16_384 },
  // It passes on the streams of all agents that are connected to it.
  manager: {
    streams: 200_000,
    messageBytes: SERVER_OPTIONS["grpc.max_receive_message_length"]!,
    headerBytes: 64 * 1024,
  },
};

/** A thousand nodes behind one address join at once, with some calls each; then 200 calls a second. */
const ANONYMOUS_CALLS: AttemptLimits = { burst: 5000, refillMs: 5 };

interface Room {
  readonly server: Server;
  readonly injector: ConnectionInjector;
}

export class RemoteServer {
  readonly #rooms: Readonly<Record<Visitor, Room>>;
  readonly #door: TlsDoor;

  constructor(options: RemoteServerOptions) {
    const authorizer = new Authorizer(options.callers, isForMembers);
    const calls = new AttemptLimiter(options.anonymousCalls ?? ANONYMOUS_CALLS, () => performance.now());
    const admit = (context: CallContext) => {
      if (!context.certificate && !calls.take(context.peer)) {
        throw resourceExhausted("too many calls without a certificate came from this address: try again in a while");
      }
      authorizer.admit(context);
    };
    const room = (visitor: Visitor): Room => {
      const limits = { ...LIMITS[visitor], ...options.visitors?.[visitor] };
      const interceptor = admission(admit, limits.headerBytes, options.log);
      const server = new Server({ ...optionsFor(limits), interceptors: [interceptor] });
      return { server, injector: server.createConnectionInjector(ServerCredentials.createInsecure()) };
    };
    this.#rooms = { anonymous: room("anonymous"), worker: room("worker"), manager: room("manager") };
    this.#door = new TlsDoor({
      ...options,
      enter: (socket, certificate) => this.#rooms[visitorOf(certificate)].injector.injectConnection(socket),
    });
  }

  /** @throws Error when one of its RPCs has no rule that says who may call it */
  addService(definition: ServiceDefinition, implementation: UntypedServiceImplementation): void {
    for (const { path } of Object.values(definition)) {
      if (allowedRoles(path) === AllowedRoles.ROLES_UNSPECIFIED) throw new Error(`no rule says who may call ${path}`);
    }
    for (const { server } of Object.values(this.#rooms)) server.addService(definition, implementation);
  }

  /** @param address "0.0.0.0:2377" @returns the port @throws Error of the system, with its code */
  listen(address: string): Promise<number> {
    const colon = address.lastIndexOf(":");
    return this.#door.listen(address.slice(0, colon).replace(/^\[|\]$/g, ""), Number(address.slice(colon + 1)));
  }

  /** Ends the connections of nodes of which this says so. */
  expel(isOut: (certificate: CertificateSubject) => boolean): void {
    this.#door.expel(isOut);
  }

  /** Connections at present, and how many were refused so far, by reason. */
  get counts(): TlsDoor["counts"] {
    return this.#door.counts;
  }

  /** Lets calls end, but not for long. */
  async shutDown(): Promise<void> {
    this.#door.stopListening();
    await Promise.all(Object.values(this.#rooms).map(({ server }) => shutDown(server)));
    this.#door.close();
  }
}

function visitorOf(certificate: CertificateSubject | undefined): Visitor {
  if (!certificate) return "anonymous";
  return certificate.organizationalUnit === ORGANIZATIONAL_UNIT[NodeRole.MANAGER] ? "manager" : "worker";
}

function optionsFor({ streams, messageBytes, idleMs }: VisitorLimits): ChannelOptions {
  return {
    ...SERVER_OPTIONS,
    // Nobody asks for its counts, and each call pays for them; connections are ended by the door.
    "grpc.enable_channelz": 0,
    "grpc.max_concurrent_streams": streams,
    "grpc.max_receive_message_length": messageBytes,
    ...(idleMs === undefined ? {} : { "grpc.max_connection_idle_ms": idleMs }),
  };
}
