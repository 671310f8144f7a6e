/** Filters of the List calls: any value of a list fits, all lists must. An empty list asks for nothing. */
import { nameKey } from "../../store/tables.js";

export interface CommonFilters {
  readonly names: readonly string[];
  readonly idPrefixes: readonly string[];
  readonly namePrefixes: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
}

export interface Named {
  readonly id: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
}

export function fitsFilters(filters: CommonFilters | undefined, object: Named): boolean {
  if (!filters) return true;
  const name = nameKey(object.name);
  return (
    anyOf(filters.names, (wanted) => nameKey(wanted) === name) &&
    anyOf(filters.namePrefixes, (prefix) => name.startsWith(nameKey(prefix))) &&
    anyOf(filters.idPrefixes, (prefix) => object.id.startsWith(prefix)) &&
    hasLabels(object.labels, filters.labels)
  );
}

/** True when `fits` holds for one of the values, or there are none. */
export function anyOf<T>(values: readonly T[] | undefined, fits: (value: T) => boolean): boolean {
  return values === undefined || values.length === 0 || values.some(fits);
}

/** A wanted label without value fits any value. */
export function hasLabels(
  labels: Readonly<Record<string, string>>,
  wanted: Readonly<Record<string, string>> | undefined,
): boolean {
  return Object.entries(wanted ?? {}).every(
    ([key, value]) => Object.hasOwn(labels, key) && (value === "" || labels[key] === value),
  );
}
