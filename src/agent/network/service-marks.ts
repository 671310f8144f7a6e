/**
 * Firewall marks of services: the same in every sandbox of a node, the same after a restart of the agent.
 *
 * A mark is a hash of the service's key, moved on past marks that others hold; nothing is stored. Two keys that hash alike
 * may swap marks over a restart, which costs their open IPVS connections and nothing else.
 */
const FIRST_MARK = 0x100;
const MARKS = 0xffffff - FIRST_MARK;

export class ServiceMarks {
  readonly #byKey = new Map<string, number>();
  readonly #taken = new Set<number>();

  /** @returns the mark of this service, 0x100…0xfffffe */
  of(key: string): number {
    const known = this.#byKey.get(key);
    if (known !== undefined) return known;
    let mark = FIRST_MARK + (fnv1a(key) % MARKS);
    while (this.#taken.has(mark)) mark = FIRST_MARK + ((mark - FIRST_MARK + 1) % MARKS);
    this.#byKey.set(key, mark);
    this.#taken.add(mark);
    return mark;
  }

  release(key: string): void {
    const mark = this.#byKey.get(key);
    if (mark === undefined) return;
    this.#byKey.delete(key);
    this.#taken.delete(mark);
  }
}

/** FNV-1a, 32 bits (Fowler, Noll, Vo). */
function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) {
    hash ^= text.charCodeAt(index);
    hash = Math.imul(hash, 0x01000193);
  }
  return hash >>> 0;
}
