/** Wanted beside found, object by object, for people. Pure. */
import type { ActualNode } from "./actual-state.js";
import { type Comparison, compareNode } from "./compare.js";
import { type ExpectedLink, type ExpectedNamespace, expectedNode } from "./expected-state.js";
import { describeAttributes, HOST, type KernelObject, keyOf, type ObjectKind, type Place } from "./kernel-objects.js";
import type { NodeWanted } from "./wanted.js";

export interface OverlayDrift {
  readonly kind: ObjectKind | "namespace";
  readonly place: Place;
  /** What it is, unique among those of its kind and place: "10.0.1.4 dev vxlan0". */
  readonly key: string;
  readonly state: "present" | "missing" | "different" | "extra";
  /** How it should be, "type=vxlan up=true …"; absent for an extra one. */
  readonly wanted?: string;
  /** How it is; absent for a missing one. */
  readonly found?: string;
  /** Names of the attributes that differ. */
  readonly attributes?: readonly string[];
  readonly networkId?: string;
  readonly sandboxId?: string;
}

/** @returns one row per object that is wanted or is ours, in what `actual` covers; those in order included */
export function drift(actual: ActualNode, wanted: NodeWanted): readonly OverlayDrift[] {
  const expected = expectedNode(wanted, actual.nodeId);
  const rows: OverlayDrift[] = [];
  for (const [place, comparison] of compareNode(expected, actual)) {
    const namespace = expected.namespaces.get(place)!;
    if (place !== HOST) {
      const state = actual.absent.has(place) ? "missing" : "present";
      rows.push({ kind: "namespace", place, key: place, state, ...ownerOf(namespace) });
    }
    for (const objects of Object.values(comparison)) rows.push(...rowsOf(namespace, objects));
  }
  for (const { place } of actual.namespaces.values()) {
    if (!expected.namespaces.has(place)) rows.push({ kind: "namespace", place, key: place, state: "extra" });
  }
  return rows;
}

/** Only what is not as wanted. */
export function remainingDrift(actual: ActualNode, wanted: NodeWanted): readonly OverlayDrift[] {
  return drift(actual, wanted).filter(({ state }) => state !== "present");
}

function rowsOf(namespace: ExpectedNamespace, comparison: Comparison<KernelObject, KernelObject>): OverlayDrift[] {
  const rows: OverlayDrift[] = [];
  const add = (
    state: OverlayDrift["state"],
    wanted: KernelObject | undefined,
    found: KernelObject | undefined,
    attributes?: readonly string[],
  ) => {
    const object = (wanted ?? found)!;
    rows.push({
      kind: object.kind,
      place: namespace.place,
      key: keyOf(object),
      state,
      ...(wanted ? { wanted: describeAttributes(wanted) } : {}),
      ...(found ? { found: describeAttributes(found) } : {}),
      ...(attributes ? { attributes } : {}),
      ...ownerOf(namespace, object),
    });
  };
  for (const { wanted, found } of comparison.present) add("present", wanted, found);
  for (const wanted of comparison.missing) add("missing", wanted, undefined);
  for (const { wanted, found, attributes } of comparison.different) add("different", wanted, found, attributes);
  for (const found of comparison.extra) add("extra", undefined, found);
  return rows;
}

function ownerOf({ role, id, links }: ExpectedNamespace, object?: KernelObject) {
  const port = object && servedBy(links, object);
  const sandboxId = role === "sandbox" ? id : port?.sandboxId;
  return { ...(role === "network" ? { networkId: id } : {}), ...(sandboxId === undefined ? {} : { sandboxId }) };
}

/** The port that an object is, or is about. */
function servedBy(links: readonly ExpectedLink[], object: KernelObject): ExpectedLink | undefined {
  if (object.kind === "link") return object;
  if (object.kind === "fdb" && object.table === "master") return links.find(({ name }) => name === object.link);
  return undefined;
}
