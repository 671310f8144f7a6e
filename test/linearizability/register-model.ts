/** A register that can be read, written, and written if it has a certain value. */
import type { Model } from "./model.js";

export type RegisterInput =
  | { readonly kind: "read" }
  | { readonly kind: "write"; readonly value: string }
  | { readonly kind: "cas"; readonly expected: string | null; readonly value: string };

export type RegisterOutput =
  | { readonly kind: "value"; readonly value: string | null }
  | { readonly kind: "written" }
  | { readonly kind: "swapped" }
  /** The register had another value. */
  | { readonly kind: "differs" };

/** Null before the first write. */
export const registerModel: Model<string | null, RegisterInput, RegisterOutput> = {
  initial: null,
  changesNothing: (input, output) => input.kind === "read" || output?.kind === "differs",
  step(state, input, output) {
    switch (input.kind) {
      case "read":
        return output.kind === "value" && output.value === state ? state : undefined;
      case "write":
        return output.kind === "written" ? input.value : undefined;
      case "cas":
        if (output.kind === "swapped") return state === input.expected ? input.value : undefined;
        return output.kind === "differs" && state !== input.expected ? state : undefined;
    }
  },
  effect(state, input) {
    if (input.kind === "read" || input.value === state) return undefined;
    return input.kind === "write" || state === input.expected ? input.value : undefined;
  },
  fingerprint: (state) => (state === null ? "-" : `=${state}`),
  describe(input, output) {
    const asked =
      input.kind === "read"
        ? "read"
        : input.kind === "write"
          ? `write ${input.value}`
          : `${input.expected ?? "nothing"} → ${input.value}`;
    if (!output) return `${asked}: nobody knows`;
    return `${asked}: ${output.kind === "value" ? (output.value ?? "nothing") : output.kind}`;
  },
  describeState: (state) => state ?? "nothing",
};
