import type { UntypedHandleCall } from "@grpc/grpc-js";
import { status } from "@grpc/grpc-js";
import { unary } from "../../api/server-call.js";
import { invalidArgument, StatusError } from "../../api/status-error.js";
import type { Clock } from "../../store/clock.js";
import { StoreError, type StoreErrorCode } from "../../store/errors.js";
import type { RandomBytes } from "../../store/object-id.js";
import type { Store } from "../../store/store.js";
import type { ClusterPort } from "./validation/endpoint-spec.js";

/** What the calls of the Control API work with. */
export interface ControlContext {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: RandomBytes;
  /** Ports that no service may publish. */
  readonly clusterPorts: readonly ClusterPort[];
  readonly log: (line: string) => void;
}

export type Methods = Readonly<Record<string, UntypedHandleCall>>;

/** Stale updates go out as SwarmKit's do: its clients look for the text. */
const CODES: Readonly<Record<StoreErrorCode, status>> = {
  "out-of-sequence": status.UNKNOWN,
  exists: status.ALREADY_EXISTS,
  "name-taken": status.ALREADY_EXISTS,
  "not-found": status.NOT_FOUND,
  contention: status.ABORTED,
};

/** A call of the API: what the store refuses is answered with the code that clients expect. */
export function control<Request, Response>(
  context: ControlContext,
  handler: (request: Request) => Response | Promise<Response>,
): UntypedHandleCall {
  return unary(async (request: Request) => {
    try {
      return await handler(request);
    } catch (error) {
      if (error instanceof StoreError) throw new StatusError(CODES[error.code], error.message);
      throw error;
    }
  }, context.log) as UntypedHandleCall;
}

/** The object with the version that the client has seen. @throws StatusError (INVALID_ARGUMENT) when it names none */
export function atVersion<T extends { readonly meta: { readonly version: unknown } | undefined }>(
  object: T,
  version: { readonly index: number } | undefined,
): T {
  if (!version) throw invalidArgument("invalid argument: the version that is to be updated is missing");
  return { ...object, meta: { ...object.meta, version } };
}
