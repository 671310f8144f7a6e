import { type handleUnaryCall, Metadata, type UntypedHandleCall } from "@grpc/grpc-js";
import { unary } from "../../api/server-call.js";
import { invalidArgument } from "../../api/status-error.js";
import type { Clock } from "../../store/clock.js";
import type { RandomBytes } from "../../store/object-id.js";
import type { Store } from "../../store/store.js";
import type { Authorities } from "../ca/rotation/desired-root.js";
import { writing } from "../write-error.js";
import type { ClusterPort } from "./validation/endpoint-spec.js";

/** The replicated log, as far as calls of the API ask about it. */
export interface ControlLog {
  isMember(nodeId: string): boolean;
  /** Whether a quorum of managers that can be reached is left without this one. */
  canRemove(nodeId: string): boolean;
  /** Resolves when the store holds all that was acknowledged anywhere before. @throws RaftError */
  readBarrier(): Promise<void>;
}

/** What the calls of the Control API work with. */
export interface ControlContext {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: RandomBytes;
  readonly raft: ControlLog;
  /** External ones, that hold the root's key. */
  readonly authorities: Authorities;
  /** Ports that no service may publish. */
  readonly clusterPorts: readonly ClusterPort[];
  readonly log: (line: string) => void;
}

export type Methods = Readonly<Record<string, UntypedHandleCall>>;

/** In a call's metadata: the answer must hold everything that was acknowledged before it. */
const READ_KEY = "tswarm-read";
const LINEARIZABLE = "linearizable";
/** In an answer's trailing metadata: the version that the store had, at least. */
export const VERSION_KEY = "tswarm-version";

/** A call of the API: what the store refuses is answered with the code that clients expect. */
export function control<Request, Response>(
  context: ControlContext,
  handler: (request: Request) => Response | Promise<Response>,
): UntypedHandleCall {
  const { store, raft, log } = context;
  const answer = unary(
    (request: Request, { metadata }) =>
      writing(async () => {
        if (metadata.get(READ_KEY)[0] === LINEARIZABLE) await raft.readBarrier();
        return handler(request);
      }),
    log,
  );
  const handle: handleUnaryCall<Request, Response> = (call, callback) =>
    answer(call, (error, response) => callback(error, response, error ? undefined : trailerOf(store)));
  return handle as UntypedHandleCall;
}

function trailerOf({ version }: Store): Metadata {
  const trailer = new Metadata();
  trailer.set(VERSION_KEY, String(version));
  return trailer;
}

/** The object with the version that the client has seen. @throws StatusError (INVALID_ARGUMENT) when it names none */
export function atVersion<T extends { readonly meta: { readonly version: unknown } | undefined }>(
  object: T,
  version: { readonly index: number } | undefined,
): T {
  if (!version) throw invalidArgument("invalid argument: the version that is to be updated is missing");
  return { ...object, meta: { ...object.meta, version } };
}
