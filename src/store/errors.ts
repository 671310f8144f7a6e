import { MAX_TRANSACTION_BYTES } from "./limits.js";
import type { Kind } from "./tables.js";

/** Why the store refuses a change. */
export type StoreErrorCode =
  /** The object has changed since the caller read it. */
  | "out-of-sequence"
  /** An object with this id is already there. */
  | "exists"
  /** Another object of this kind has this name; names differ by more than case. */
  | "name-taken"
  | "not-found"
  /** The transaction kept colliding with others. */
  | "contention"
  /** The transaction takes more than MAX_TRANSACTION_BYTES in the log. */
  | "too-large";

export class StoreError extends Error {
  override readonly name = "StoreError";
  constructor(
    readonly code: StoreErrorCode,
    readonly kind: Kind,
    /** Id of the object, or the name that is taken; of a transaction that is too large its size in bytes. */
    readonly subject: string,
  ) {
    super(TEXT[code](kind, subject));
  }
}

const TEXT: Readonly<Record<StoreErrorCode, (kind: Kind, subject: string) => string>> = {
  "out-of-sequence": () => "update out of sequence",
  exists: (kind, id) => `${kind} ${id} already exists`,
  "name-taken": (kind, name) => `${kind} ${name} already exists`,
  "not-found": (kind, id) => `${kind} ${id} not found`,
  contention: (kind, id) =>
    `${id === "" ? "what the transaction reads" : `${kind} ${id}`} is changed by others all the time: try again later`,
  "too-large": (kind, bytes) =>
    `the transaction takes ${bytes} bytes, more than the ${MAX_TRANSACTION_BYTES} that the log takes at once: change fewer objects, or a smaller ${kind}`,
};

/** Commits after a version cannot be had. */
export class HistoryError extends Error {
  override readonly name = "HistoryError";
  constructor(
    readonly code: "compacted" | "unknown-version",
    message: string,
  ) {
    super(message);
  }
}
