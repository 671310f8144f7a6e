import test from "ava";
import fc from "fast-check";
import { ADDRESS_REST_MS, OffsetPool } from "../../../src/manager/allocator/offset-pool.js";

/** Tasks that hold one number each, with the log: what was written counts, and what the next leader finds. */
class Model {
  readonly held = new Map<number, number>();
  /** Number → when it was given back. */
  readonly freed = new Map<number, number>();
  /** As it stands in the log. */
  written: string;
  pool: OffsetPool;
  now = 0;
  #serial = 0;
  readonly #size: number;

  constructor(size: number) {
    this.#size = size;
    this.pool = new OffsetPool(size, [0, 1]);
    this.pool.begin();
    this.written = this.pool.spare;
  }

  /** @param isLost the transaction is not committed: nobody has had the number @returns what is wrong */
  take(isLost: boolean): string | undefined {
    const available = this.pool.available(this.now);
    const offset = this.pool.take(this.now);
    if (offset === undefined) return available > 0 ? `${available} are available, none is given out` : undefined;
    if (available === 0) return "one is given out though none is available";
    const wrong = this.#wrong(offset);
    if (wrong) return wrong;
    if (isLost) {
      this.pool.giveBack(offset, this.now);
      return undefined;
    }
    this.held.set(++this.#serial, offset);
    this.written = this.pool.spare;
    return undefined;
  }

  choose(offset: number): string | undefined {
    try {
      this.pool.takeChosen(offset, this.now);
    } catch {
      return undefined;
    }
    this.held.set(++this.#serial, offset);
    this.written = this.pool.spare;
    return this.#wrong(offset, 1);
  }

  release(pick: number): void {
    const [id, offset] = [...this.held][pick % Math.max(1, this.held.size)] ?? [];
    if (id === undefined) return;
    this.held.delete(id);
    this.freed.set(offset!, this.now);
    this.pool.release(offset!, this.now);
  }

  /** Another leader, who knows what is held and what was written; he does not know what came back. */
  restart(): void {
    this.pool = new OffsetPool(this.#size, [0, 1]);
    this.pool.restore(this.written, this.now);
    for (const offset of this.held.values()) this.pool.claim(offset);
  }

  #wrong(offset: number, times = 0): string | undefined {
    if (offset < 2 || offset >= this.#size) return `${offset} is not to be given out`;
    if ([...this.held.values()].filter((one) => one === offset).length > times) return `${offset} is held already`;
    const restedMs = this.now - (this.freed.get(offset) ?? Number.NEGATIVE_INFINITY);
    return restedMs < ADDRESS_REST_MS ? `${offset} came back ${restedMs} ms ago` : undefined;
  }
}

const step = fc.record({
  kind: fc.constantFrom("take", "take", "take", "lost", "choose", "release", "release", "restart"),
  pick: fc.nat({ max: 40 }),
  pauseMs: fc.constantFrom(0, 0, 0, 1000, 20_000, ADDRESS_REST_MS),
});

test("no number is held twice, and none comes back before it has rested, whenever leaders change", (t) => {
  t.notThrows(() =>
    fc.assert(
      fc.property(fc.constantFrom(7, 20, 64), fc.array(step, { maxLength: 150 }), (size, steps) => {
        const model = new Model(size);
        for (const { kind, pick, pauseMs } of steps) {
          model.now += pauseMs;
          let wrong: string | undefined;
          if (kind === "release") model.release(pick);
          else if (kind === "restart") model.restart();
          else if (kind === "choose") wrong = model.choose(pick % size);
          else wrong = model.take(kind === "lost");
          if (wrong) throw new Error(wrong);
        }
        // Nothing is lost: when all has come back and rested, all can be had.
        while (model.held.size > 0) model.release(0);
        model.now += ADDRESS_REST_MS;
        for (let i = 0; i < size - 2; i++) if (model.pool.take(model.now) === undefined) throw new Error("one is lost");
      }),
      { numRuns: 400 },
    ),
  );
});

test("a leader who follows at once has half of what is free, the one after him half of that", (t) => {
  const pool = new OffsetPool(1024, []);
  pool.begin();
  for (let i = 0; i < 24; i++) pool.take(0);
  const next = new OffsetPool(1024, []);
  next.restore(pool.spare, 0);
  for (let i = 0; i < 24; i++) next.claim(i);
  t.is(next.available(0), 512);
  next.take(0);
  const last = new OffsetPool(1024, []);
  last.restore(next.spare, 0);
  t.is(last.available(0), 256);
});

test("the list of spare numbers changes seldom, also in a pool that is nearly full", (t) => {
  for (const { size, free, most } of [
    { size: 256, free: 200, most: 20 },
    { size: 4096, free: 400, most: 40 },
    { size: 256, free: 3, most: 0 },
  ]) {
    const pool = new OffsetPool(size, []);
    pool.begin();
    const held: number[] = [];
    while (held.length < size - free) held.push(pool.take(0)!);
    let changes = 0;
    let now = 0;
    for (let i = 0; i < 1000; i++) {
      const before = pool.spare;
      const offset = pool.take(now)!;
      if (pool.spare !== before) changes++;
      held.push(offset);
      // Somewhere, not in the order in which they were given out.
      const [gone] = held.splice((i * 7919) % held.length, 1);
      pool.release(gone!, now);
      now += ADDRESS_REST_MS;
    }
    t.true(changes <= most, `${size} numbers, ${free} free: ${changes} changes`);
  }
});
