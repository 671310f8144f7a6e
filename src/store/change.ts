/** A transaction's outcome: what goes into the log, and what every store makes of it. */
import type { Kind, ObjectTypes } from "./tables.js";

export type ChangeAction = "create" | "update" | "remove";

type OneOfEach<Shape extends { readonly [K in Kind]: unknown }> = Shape[Kind];

export type Change = OneOfEach<{
  readonly [K in Kind]: {
    readonly kind: K;
    readonly action: ChangeAction;
    /** The object as it shall be, with the version that it gets by this change; for a removal as it was (its id alone counts). */
    readonly object: ObjectTypes[K];
  };
}>;

export type StoreEvent = OneOfEach<{
  readonly [K in Kind]: {
    readonly kind: K;
    readonly action: ChangeAction;
    /** As it is now; for a removal as it was. */
    readonly object: ObjectTypes[K];
    /** As it was; undefined for a new one. */
    readonly previous: ObjectTypes[K] | undefined;
  };
}>;

/** All that one entry of the log has changed. */
export interface Commit {
  /** The entry's index. */
  readonly version: number;
  /** In the transaction's order. */
  readonly events: readonly StoreEvent[];
}

export function versionOf(object: {
  readonly meta: { readonly version: { readonly index: number } | undefined } | undefined;
}): number {
  return object.meta?.version?.index ?? 0;
}
