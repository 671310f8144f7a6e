/** Placement preferences: labels of nodes over whose values tasks are spread, the first the coarsest. */
import type { Node } from "../../api/generated/docker/swarmkit/v1/objects.js";
import type { PlacementPreference } from "../../api/generated/docker/swarmkit/v1/types.js";

/** `node.labels.zone` or `engine.labels.zone`. */
export interface SpreadLabel {
  readonly source: "node" | "engine";
  readonly label: string;
}

/** Preferences that nobody knows are left out, as in SwarmKit. */
export function spreadLabels(preferences: readonly PlacementPreference[]): readonly SpreadLabel[] {
  return preferences.flatMap(({ Preference }) => {
    const [, source, label] = /^(node|engine)\.labels\.(.+)$/is.exec(Preference?.value.spreadDescriptor ?? "") ?? [];
    if (!source || !label) return [];
    return [{ source: source.toLowerCase() as SpreadLabel["source"], label }];
  });
}

/** A node without the label has the value "". */
export function spreadValue({ source, label }: SpreadLabel, node: Node): string {
  const labels = source === "node" ? node.spec?.annotations?.labels : node.description?.engine?.labels;
  return labels?.[label] ?? "";
}
