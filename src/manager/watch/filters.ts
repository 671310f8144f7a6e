/** What an entry of a WatchRequest asks for, as a selector of the store and a test for what the selector cannot say. */

import { type Annotations, TaskState } from "../../api/generated/docker/swarmkit/v1/types.js";
import {
  type SelectBy,
  WatchActionKind,
  type WatchRequest_WatchEntry,
} from "../../api/generated/docker/swarmkit/v1/watch.js";
import { invalidArgument } from "../../api/status-error.js";
import type { ChangeAction, StoreEvent } from "../../store/change.js";
import { INDEXES, type IndexKeys, KINDS, type Kind, nameKey, type StoredObject, slotKey } from "../../store/tables.js";
import type { Selector } from "../../store/watch-hub.js";
import { type Need, needsOfSpec } from "../task-references.js";

export interface Interest {
  readonly selector: Selector;
  readonly wants: (event: StoreEvent) => boolean;
}

export const ACTION_BITS: Readonly<Record<ChangeAction, WatchActionKind>> = {
  create: WatchActionKind.WATCH_ACTION_CREATE,
  update: WatchActionKind.WATCH_ACTION_UPDATE,
  remove: WatchActionKind.WATCH_ACTION_REMOVE,
};
const ALL_ACTIONS = Object.values(ACTION_BITS).reduce((mask, bit) => mask | bit);

type By = NonNullable<SelectBy["By"]>;

interface Filter {
  /** How the store finds it without looking at everything. */
  readonly place?: { readonly id: string } | { readonly index: string; readonly key: string };
  readonly matches: (object: StoredObject) => boolean;
}

/** @throws StatusError (INVALID_ARGUMENT) for what cannot be watched */
export function interestOf({ kind: named, action, filters }: WatchRequest_WatchEntry): Interest {
  if (named === "") throw invalidArgument("an entry of the watch names no kind of object");
  if ((action & ALL_ACTIONS) === 0) {
    throw invalidArgument(`the entry for ${named} asks for no action: 1 create, 2 update, 4 remove, or their sum`);
  }
  // Any other word is the kind of resources, which users make up.
  const kind = KINDS.find((one) => one === named) ?? "resource";
  const asked: By[] = filters.map(({ By: by }) => {
    if (!by) throw invalidArgument(`a filter of the entry for ${named} is empty`);
    return by;
  });
  if (kind !== named) asked.push({ $case: "kind", value: named });
  const compiled = asked.map((by) => filterOf(kind, by));
  const place = compiled.find((filter) => filter.place)?.place;
  const wants = (event: StoreEvent) =>
    event.kind === kind &&
    (ACTION_BITS[event.action] & action) !== 0 &&
    compiled.every(({ matches }) => matches(event.object));
  return { selector: { kind, ...place } as Selector, wants };
}

/** Filters that stand for a key of an index of the store: which kinds have it, under which name. */
const BY_INDEX: { readonly [Case in By["$case"]]?: readonly [index: string, ...kinds: Kind[]] } = {
  name: ["name", ...KINDS],
  serviceId: ["service", "task"],
  nodeId: ["node", "task"],
  slot: ["slot", "task"],
  desiredState: ["desiredState", "task"],
  role: ["role", "node"],
  membership: ["membership", "node"],
  referencedNetworkId: ["network", "service", "task"],
  kind: ["kind", "resource"],
};

function filterOf(kind: Kind, by: By): Filter {
  const indexed = BY_INDEX[by.$case];
  if (indexed) {
    const [index, ...kinds] = indexed;
    if (!kinds.includes(kind)) throw misfit(kind, by);
    const key = keyOf(by);
    const keys = keysIn(kind, index);
    return { place: { index, key }, matches: (object) => keys(object).includes(key) };
  }
  switch (by.$case) {
    case "id":
      return { place: { id: by.value }, matches: ({ id }) => id === by.value };
    case "idPrefix":
      return { matches: ({ id }) => id.startsWith(by.value) };
    case "namePrefix": {
      const keys = keysIn(kind, "name");
      return { matches: (object) => keys(object).some((name) => name.startsWith(nameKey(by.value))) };
    }
    case "custom":
      return { matches: hasCustom(by.value.index, (value) => value === by.value.value) };
    case "customPrefix":
      return { matches: hasCustom(by.value.index, (value) => value.startsWith(by.value.value)) };
    case "referencedSecretId":
      return { matches: refersTo(kind, by, "secret", by.value) };
    case "referencedConfigId":
      return { matches: refersTo(kind, by, "config", by.value) };
    default:
      throw misfit(kind, by);
  }
}

function keyOf(by: By): string {
  switch (by.$case) {
    case "name":
      return nameKey(by.value);
    case "slot":
      return slotKey(by.value.serviceId, by.value.slot);
    case "desiredState":
      return TaskState[by.value] ?? "";
    default:
      return String(by.value);
  }
}

function keysIn(kind: Kind, index: string): IndexKeys<StoredObject> {
  return (INDEXES[kind] as unknown as Record<string, IndexKeys<StoredObject>>)[index]!;
}

function hasCustom(index: string, fits: (value: string) => boolean): Filter["matches"] {
  return (object) => annotationsOf(object)?.indices.some(({ key, val }) => key === index && fits(val)) ?? false;
}

function annotationsOf(object: StoredObject): Annotations | undefined {
  return "annotations" in object ? object.annotations : object.spec?.annotations;
}

function refersTo(kind: Kind, by: By, what: Need["kind"], id: string): Filter["matches"] {
  if (kind !== "service" && kind !== "task") throw misfit(kind, by);
  return (object) => {
    if (!("serviceId" in object || "previousSpec" in object)) return false;
    const spec = "previousSpec" in object ? object.spec?.task : object.spec;
    return spec !== undefined && needsOfSpec(spec).some((need) => need.kind === what && need.id === id);
  };
}

const misfit = (kind: Kind, { $case }: By) =>
  invalidArgument(
    `objects of kind ${kind} cannot be watched by ${$case.replace(/[A-Z]/g, (one) => ` ${one.toLowerCase()}`)}`,
  );
