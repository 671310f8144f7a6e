/** Changes laid over a state that itself does not change: what a reader would see if they were made. */
import type { StoreReader } from "./reader.js";
import { Table } from "./table.js";
import type { IndexName, Kind, ObjectTypes } from "./tables.js";

interface Layer<K extends Kind> {
  /** Created and changed objects. */
  readonly table: Table<K>;
  /** Ids of objects of the base that are gone. */
  readonly removed: Set<string>;
}

export class Overlay implements StoreReader {
  readonly #base: StoreReader;
  readonly #layers = new Map<Kind, Layer<Kind>>();

  constructor(base: StoreReader) {
    this.#base = base;
  }

  get<K extends Kind>(kind: K, id: string): ObjectTypes[K] | undefined {
    const layer = this.#layer(kind);
    if (!layer) return this.#base.get(kind, id);
    return layer.table.get(id) ?? (layer.removed.has(id) ? undefined : this.#base.get(kind, id));
  }

  all<K extends Kind>(kind: K): readonly ObjectTypes[K][] {
    const layer = this.#layer(kind);
    return layer ? merged(layer, this.#base.all(kind), layer.table.all()) : this.#base.all(kind);
  }

  find<K extends Kind>(kind: K, index: IndexName<K>, key: string): readonly ObjectTypes[K][] {
    const base = this.#base.find(kind, index, key);
    const layer = this.#layer(kind);
    return layer ? merged(layer, base, layer.table.find(index, key)) : base;
  }

  put<K extends Kind>(kind: K, object: ObjectTypes[K]): void {
    const layer = this.#layerFor(kind);
    layer.removed.delete(object.id);
    layer.table.put(object);
  }

  remove(kind: Kind, id: string): void {
    const layer = this.#layerFor(kind);
    layer.table.remove(id);
    layer.removed.add(id);
  }

  /** The base shows through again. */
  forget(kind: Kind, id: string): void {
    const layer = this.#layers.get(kind);
    layer?.table.remove(id);
    layer?.removed.delete(id);
  }

  clear(): void {
    this.#layers.clear();
  }

  /** Undefined where nothing is laid over. */
  #layer<K extends Kind>(kind: K): Layer<K> | undefined {
    const layer = this.#layers.get(kind) as Layer<K> | undefined;
    return layer && (layer.table.size > 0 || layer.removed.size > 0) ? layer : undefined;
  }

  #layerFor<K extends Kind>(kind: K): Layer<K> {
    let layer = this.#layers.get(kind) as unknown as Layer<K> | undefined;
    if (!layer) {
      layer = { table: new Table(kind), removed: new Set() };
      this.#layers.set(kind, layer as unknown as Layer<Kind>);
    }
    return layer;
  }
}

function merged<K extends Kind>(
  { table, removed }: Layer<K>,
  base: readonly ObjectTypes[K][],
  own: readonly ObjectTypes[K][],
): readonly ObjectTypes[K][] {
  if (base.length === 0) return own;
  const kept = base.filter(({ id }) => !table.has(id) && !removed.has(id));
  return own.length === 0 ? kept : kept.concat(own);
}
