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
  | "contention";

export class StoreError extends Error {
  override readonly name = "StoreError";
  constructor(
    readonly code: StoreErrorCode,
    readonly kind: Kind,
    /** Id of the object, or the name that is taken. */
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
  contention: (kind, id) => `${kind} ${id} is changed by others all the time: try again later`,
};
