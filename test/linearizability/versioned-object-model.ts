/**
 * An object with a version that grows with every change, also from a removal to the next creation. Who changes it may name the version
 * that it has read, and is refused when that one is past.
 */
import type { Model } from "./model.js";

export type ObjectInput =
  | { readonly kind: "read" }
  | { readonly kind: "create"; readonly value: string }
  /** Without ifVersion it changes whatever is there. */
  | { readonly kind: "update"; readonly value: string; readonly ifVersion?: number }
  | { readonly kind: "remove"; readonly ifVersion?: number }
  /** Creates it or changes it. */
  | { readonly kind: "put"; readonly value: string }
  /** Changes what is there, and tells what that was. */
  | { readonly kind: "swap"; readonly value: string };

export type ObjectOutput =
  | { readonly kind: "found"; readonly value: string; readonly version: number }
  | { readonly kind: "absent" }
  /** With the version that the object got, where the client was told. */
  | { readonly kind: "done"; readonly version?: number }
  /** Of a swap: the version that it replaced. */
  | { readonly kind: "swapped"; readonly from: number; readonly version?: number }
  | { readonly kind: "refused"; readonly reason: "exists" | "not-found" | "out-of-sequence" };

export interface ObjectState {
  /** Undefined while there is no object. */
  readonly value: string | undefined;
  /** Undefined when nobody was told yet. */
  readonly version: number | undefined;
  /** The greatest version known to have been before: the object's own is greater. */
  readonly above: number;
}

export const versionedObjectModel: Model<ObjectState, ObjectInput, ObjectOutput> = {
  initial: { value: undefined, version: undefined, above: 0 },
  changesNothing: (input, output) => input.kind === "read" || output?.kind === "refused",
  step(state, input, output) {
    if (output.kind === "refused") return refuses(state, input, output.reason) ? state : undefined;
    if (input.kind === "read") {
      if (output.kind === "absent") return state.value === undefined ? state : undefined;
      if (output.kind !== "found" || state.value !== output.value) return undefined;
      return atVersion(state, output.version);
    }
    if (input.kind === "swap") {
      const found = output.kind === "swapped" ? atVersion(state, output.from) : undefined;
      return found && output.kind === "swapped" ? changed(found, input, output.version) : undefined;
    }
    return output.kind === "done" ? changed(state, input, output.version) : undefined;
  },
  effect: (state, input) => (input.kind === "read" ? undefined : changed(state, input, undefined)),
  fingerprint: ({ value, version, above }) => `${value === undefined ? "-" : `=${value}`}@${version ?? "?"}>${above}`,
  describe(input, output) {
    const condition = "ifVersion" in input && input.ifVersion !== undefined ? ` if @${input.ifVersion}` : "";
    const asked = `${input.kind}${"value" in input ? ` ${input.value}` : ""}${condition}`;
    if (!output) return `${asked}: nobody knows`;
    if (output.kind === "found") return `${asked}: ${output.value} @${output.version}`;
    if (output.kind === "refused") return `${asked}: refused, ${output.reason}`;
    if (output.kind === "absent") return `${asked}: absent`;
    const from = output.kind === "swapped" ? ` @${output.from}` : "";
    return `${asked}: ${output.kind}${from}${output.version === undefined ? "" : ` → @${output.version}`}`;
  },
  describeState: ({ value, version }) => (value === undefined ? "no object" : `${value} @${version ?? "?"}`),
};

/** @returns the state once it is known that the object has this version; undefined when it cannot have it */
function atVersion(state: ObjectState, version: number): ObjectState | undefined {
  if (state.version !== undefined) return state.version === version ? state : undefined;
  return version > state.above ? { ...state, version } : undefined;
}

function changed(
  state: ObjectState,
  input: Exclude<ObjectInput, { kind: "read" }>,
  version: number | undefined,
): ObjectState | undefined {
  let base: ObjectState | undefined = state;
  if (input.kind === "create") {
    if (state.value !== undefined) return undefined;
  } else if (input.kind !== "put") {
    if (state.value === undefined) return undefined;
    if ("ifVersion" in input && input.ifVersion !== undefined) base = atVersion(state, input.ifVersion);
    if (!base) return undefined;
  }
  const above = base.version ?? base.above;
  if (version !== undefined && version <= above) return undefined;
  return { value: input.kind === "remove" ? undefined : input.value, version, above };
}

function refuses(state: ObjectState, input: ObjectInput, reason: string): boolean {
  if (input.kind === "read" || input.kind === "put") return false;
  const exists = state.value !== undefined;
  if (input.kind === "create") return reason === "exists" && exists;
  if (!exists) return reason === "not-found";
  if (reason !== "out-of-sequence" || !("ifVersion" in input) || input.ifVersion === undefined) return false;
  // A version that nobody was told may be any other one.
  return state.version !== input.ifVersion;
}
