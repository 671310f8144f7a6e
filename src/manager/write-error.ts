/** What callers are told when the store did not take a change. */
import { status } from "@grpc/grpc-js";
import { StatusError } from "../api/status-error.js";
import { RaftError, type RaftErrorCode } from "../raft/node/raft.js";
import { StoreError, type StoreErrorCode } from "../store/errors.js";

/** Stale updates go out as SwarmKit's do: its clients look for the text. */
const STORE_CODES: Readonly<Record<StoreErrorCode, status>> = {
  "out-of-sequence": status.UNKNOWN,
  exists: status.ALREADY_EXISTS,
  "name-taken": status.ALREADY_EXISTS,
  "not-found": status.NOT_FOUND,
  contention: status.ABORTED,
  "too-large": status.INVALID_ARGUMENT,
};

const RAFT_ANSWERS: Readonly<Record<RaftErrorCode, readonly [code: status, text?: string]>> = {
  "not-leader": [status.UNAVAILABLE],
  busy: [status.RESOURCE_EXHAUSTED, "too many changes are under way, nothing was changed: try again"],
  "too-large": [status.INVALID_ARGUMENT],
  "outcome-unknown": [
    status.ABORTED,
    "this manager lost its leadership while the change was written: look whether it was made before you try again",
  ],
  stopped: [status.UNAVAILABLE, "this manager is stopping"],
  timeout: [status.DEADLINE_EXCEEDED],
  "membership-refused": [status.FAILED_PRECONDITION],
  removed: [status.UNAVAILABLE, "this manager was removed from the cluster"],
};

/** @returns the error that goes out; any other error as it is */
export function asStatus(error: unknown): unknown {
  if (error instanceof StoreError) return new StatusError(STORE_CODES[error.code], error.message);
  if (error instanceof RaftError) {
    const [code, text] = RAFT_ANSWERS[error.code];
    return new StatusError(code, text ?? error.message);
  }
  return error;
}

/** Runs what writes to the store for a caller. @throws StatusError for what the store or the log refuse */
export async function writing<T>(action: () => T | Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    throw asStatus(error);
  }
}
