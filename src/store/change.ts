/** A transaction's outcome: what goes into the log, and what every store makes of it. */
import type { Kind, ObjectTypes } from "./tables.js";

export type ChangeAction = "create" | "update" | "remove";

type OneOfEach<Shape extends { readonly [K in Kind]: unknown }> = Shape[Kind];

export type Change = OneOfEach<{
  readonly [K in Kind]: {
    readonly kind: K;
    readonly action: ChangeAction;
    /** The object as it shall be; for a removal as it was. Its version is set when the change is committed. */
    readonly object: ObjectTypes[K];
    /** Version of the object that the transaction saw; 0 for a new one. The change holds only on top of this version. */
    readonly baseVersion: number;
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

export function versionOf(object: {
  readonly meta: { readonly version: { readonly index: number } | undefined } | undefined;
}): number {
  return object.meta?.version?.index ?? 0;
}
