/** Secrets and configs as the calls of the API change them: data with a name, of which only the labels change once it is there. */
import { invalidArgument, notFound } from "../../api/status-error.js";
import { newObjectId } from "../../store/object-id.js";
import type { StoreReader } from "../../store/reader.js";
import type { ObjectTypes } from "../../store/tables.js";
import { atVersion, type ControlContext } from "./context.js";
import { type CommonFilters, fitsFilters } from "./filter.js";
import { refuseWhileUsed } from "./payload-users.js";
import { checkId } from "./validation/name.js";

type Spec<K extends "secret" | "config"> = NonNullable<ObjectTypes[K]["spec"]>;

export interface PayloadKind<K extends "secret" | "config"> {
  readonly kind: K;
  /** @throws StatusError */
  readonly check: (spec: Spec<K>) => void;
  readonly make: (id: string, spec: Spec<K>) => ObjectTypes[K];
}

export class Payloads<K extends "secret" | "config"> {
  readonly #context: Pick<ControlContext, "store" | "random">;
  readonly #kind: PayloadKind<K>;

  constructor(context: Pick<ControlContext, "store" | "random">, kind: PayloadKind<K>) {
    this.#context = context;
    this.#kind = kind;
  }

  /** @throws StatusError (INVALID_ARGUMENT, NOT_FOUND) */
  get(id: string): ObjectTypes[K] {
    return this.#context.store.view((read) => this.#find(read, id));
  }

  list(filters: CommonFilters | undefined): readonly ObjectTypes[K][] {
    const all = this.#context.store.view((read) => read.all(this.#kind.kind));
    return all.filter(({ id, spec }) =>
      fitsFilters(filters, { id, name: spec?.annotations?.name ?? "", labels: spec?.annotations?.labels ?? {} }),
    );
  }

  /** @throws StatusError */
  async create(asked: Spec<K> | undefined): Promise<ObjectTypes[K]> {
    const { store, random } = this.#context;
    const { kind, check, make } = this.#kind;
    const spec = this.#given(asked);
    check(spec);
    const id = newObjectId(random);
    await store.update((tx) => tx.create(kind, make(id, spec)));
    return this.get(id);
  }

  /** @param asked with the name that it has, and its data or none @throws StatusError */
  async updateLabels(
    id: string,
    version: Parameters<typeof atVersion>[1],
    asked: Spec<K> | undefined,
  ): Promise<ObjectTypes[K]> {
    const { kind } = this.#kind;
    const { annotations, data } = this.#given(asked);
    await this.#context.store.update((tx) => {
      const before = this.#find(tx, id);
      const spec = before.spec!;
      const isOther = data.length > 0 && !data.equals(spec.data);
      if (isOther || annotations?.name !== spec.annotations?.name) {
        throw invalidArgument("only updates to Labels are allowed");
      }
      const labelled = { ...spec.annotations!, labels: annotations?.labels ?? {} };
      tx.update(kind, { ...atVersion(before, version), spec: { ...spec, annotations: labelled } });
    });
    return this.get(id);
  }

  /** @throws StatusError while a service uses it */
  async remove(id: string): Promise<void> {
    const { kind } = this.#kind;
    await this.#context.store.update((tx) => {
      const { spec } = this.#find(tx, id);
      refuseWhileUsed(kind, id, spec?.annotations?.name ?? "", tx);
      tx.remove(kind, id);
    });
  }

  #given(spec: Spec<K> | undefined): Spec<K> {
    if (spec) return spec;
    throw invalidArgument(`invalid argument: the specification of the ${this.#kind.kind} is missing`);
  }

  #find(read: StoreReader, id: string): ObjectTypes[K] {
    const { kind } = this.#kind;
    const found = read.get(kind, checkId(kind, id));
    if (!found) throw notFound(`${kind} ${id} not found`);
    return found;
  }
}
