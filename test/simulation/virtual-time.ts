/** Simulated time: it passes from event to event, as fast as the machine can do what happens. */

interface Event {
  readonly at: number;
  readonly order: number;
  action: (() => void) | undefined;
}

/** Real time is given to the process every so many events. */
const EVENTS_PER_TURN = 2000;

/** Who waits for nothing again and again would never come to an end. */
const MAX_EVENTS_OF_A_MOMENT = 100_000;

export class VirtualTime {
  #now = 0;
  #order = 0;
  #events = 0;
  readonly #heap: Event[] = [];
  /** The moment, and how many events there were when it began. */
  #moment = { at: 0, events: 0 };

  /** Milliseconds since the simulation began. */
  get now(): number {
    return this.#now;
  }

  /** That have happened. */
  get events(): number {
    return this.#events;
  }

  /** What is to happen at the same moment happens in the order in which it was asked for. @returns a function that takes it back */
  after(delayMs: number, action: () => void): () => void {
    const event: Event = { at: this.#now + Math.max(0, delayMs), order: ++this.#order, action };
    this.#push(event);
    return () => {
      event.action = undefined;
    };
  }

  /** A number that no other moment has. */
  stamp(): number {
    return ++this.#order;
  }

  /**
   * Lets events happen, each with all that follows from it at once, until one is due after `endMs` or `isDone` says so after an event.
   * @returns whether isDone said so
   */
  async run(endMs: number, isDone: () => boolean): Promise<boolean> {
    for (;;) {
      if (isDone()) return true;
      const event = this.#heap[0];
      if (!event || event.at > endMs) {
        this.#now = Math.max(this.#now, endMs);
        return false;
      }
      this.#pop();
      if (!event.action) continue;
      this.#now = event.at;
      this.#events++;
      if (this.#now >= this.#moment.at + 1) this.#moment = { at: this.#now, events: this.#events };
      else if (this.#events - this.#moment.events > MAX_EVENTS_OF_A_MOMENT) {
        throw new Error(`time stands still at ${this.#now} ms: ${MAX_EVENTS_OF_A_MOMENT} events in a millisecond`);
      }
      event.action();
      await settled();
      if (this.#events % EVENTS_PER_TURN === 0) await turn();
    }
  }

  #push(event: Event): void {
    const heap = this.#heap;
    let at = heap.push(event) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(event, heap[parent]!)) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = event;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop()!;
    if (heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = at * 2 + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++;
      if (!isBefore(heap[child]!, last)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = last;
  }
}

function isBefore(a: Event, b: Event): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}

/**
 * Asked for from within a microtask, a tick comes when no microtask is left: all that follows from promises has happened. Another round
 * is for what follows from ticks.
 */
function settled(): Promise<void> {
  return new Promise((resolve) => process.nextTick(() => queueMicrotask(() => process.nextTick(resolve))));
}

function turn(): Promise<void> {
  return new Promise((resolve) => realSetImmediate(resolve));
}

/** Taken before guardRealTime may replace it. */
const realSetImmediate = setImmediate;
