/** Who waits, why, and what must change before it is worth another try. */
import type { AllocationError, Hindrance } from "./allocation-error.js";

interface Wait {
  readonly reason: string;
  readonly hindrance: Hindrance | undefined;
}

export class Waiting {
  readonly #waits = new Map<string, Wait>();
  /** In the order in which they came. */
  readonly #byHindrance = new Map<Hindrance["kind"], Map<string, Set<string>>>();

  get size(): number {
    return this.#waits.size;
  }

  /** Why an object waits. */
  get(id: string): string | undefined {
    return this.#waits.get(id)?.reason;
  }

  /** @returns whether the reason is new */
  set(id: string, { message, hindrance }: AllocationError): boolean {
    const isNew = this.get(id) !== message;
    this.delete(id);
    this.#waits.set(id, { reason: message, hindrance });
    if (!hindrance) return isNew;
    let ofKind = this.#byHindrance.get(hindrance.kind);
    if (!ofKind) {
      ofKind = new Map();
      this.#byHindrance.set(hindrance.kind, ofKind);
    }
    const ids = ofKind.get(hindrance.id);
    if (ids) ids.add(id);
    else ofKind.set(hindrance.id, new Set([id]));
    return isNew;
  }

  delete(id: string): void {
    const hindrance = this.#waits.get(id)?.hindrance;
    this.#waits.delete(id);
    const ofKind = hindrance && this.#byHindrance.get(hindrance.kind);
    const ids = ofKind?.get(hindrance!.id);
    ids?.delete(id);
    if (ids?.size === 0) ofKind!.delete(hindrance!.id);
  }

  /** What somebody waits for, of a kind. */
  hindrances(kind: Hindrance["kind"]): Iterable<string> {
    return this.#byHindrance.get(kind)?.keys() ?? [];
  }

  /** Those that wait for something, who came first first. */
  *waitingFor(kind: Hindrance["kind"], id: string): Iterable<string> {
    yield* this.#byHindrance.get(kind)?.get(id) ?? [];
  }
}
