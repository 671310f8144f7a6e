/**
 * Is there an order of a history's operations, each between its call and its answer, in which one object that does one thing after the other
 * gives just these answers? (Herlihy and Wing, Linearizability, 1990.) The search is that of Wing and Gong with Lowe's memory of places where
 * it has been: a place is the set of the operations done so far and the state (Lowe, Testing for linearizability, 2017).
 *
 * An operation with an unknown outcome may be done at any time after its call, or never: it is tried where the others alone lead nowhere.
 * Two rules keep the search short. What can change nothing and fits now is done now: later it would do no more. And an unknown
 * operation is done only for the sake of the very next one: if that one would have gone the same way without it, it need not have happened.
 *
 *     const verdict = checkLinearizable(registerModel, readHistory(text));
 *     if (!verdict.ok) console.log(verdict.text);
 */
import type { Operation } from "./history.js";
import type { Model } from "./model.js";

export type Verdict<Input, Output> = Linearizable | NotLinearizable<Input, Output>;

export interface Linearizable {
  readonly ok: true;
  readonly operations: number;
  readonly keys: number;
  /** Places that the search came to. */
  readonly places: number;
}

export interface NotLinearizable<Input, Output> {
  readonly ok: false;
  /** "undecided": the search was given up after {@link CheckLimits.maxPlaces}. */
  readonly kind: "violation" | "undecided";
  readonly key: string;
  /** The first answer, in time, that no order explains: before it all was well. Undefined when undecided. */
  readonly offender: Operation<Input, Output> | undefined;
  /** What ran at the same time as the offender, itself included. */
  readonly window: readonly Operation<Input, Output>[];
  /** One of the orders that explain all answers before the offender's. */
  readonly before: readonly Operation<Input, Output>[];
  /** For a person: all of this in lines. */
  readonly text: string;
}

export interface CheckLimits {
  /** Of one key. */
  readonly maxPlaces: number;
}

const LIMITS: CheckLimits = { maxPlaces: 1_000_000 };
/** Lines of the order before the offender that are printed. */
const PRINTED_BEFORE = 8;

/** Checks each key of the history by itself. @returns the first key's fault, if there is one */
export function checkLinearizable<State, Input, Output>(
  model: Model<State, Input, Output>,
  history: readonly Operation<Input, Output>[],
  limits: CheckLimits = LIMITS,
): Verdict<Input, Output> {
  const byKey = new Map<string, Operation<Input, Output>[]>();
  for (const operation of history) {
    if (operation.answeredAt === undefined && model.changesNothing(operation.input, undefined)) continue;
    const list = byKey.get(operation.key);
    if (list) list.push(operation);
    else byKey.set(operation.key, [operation]);
  }
  let places = 0;
  for (const [key, operations] of byKey) {
    const search = new Search(model, operations, limits.maxPlaces);
    const outcome = search.run();
    places += search.places;
    if (outcome !== "linearizable") return refusal(model, key, outcome, search);
  }
  return { ok: true, operations: history.length, keys: byKey.size, places };
}

/** A place on the way: what was done last, and what may be done next. */
interface Place<State> {
  readonly state: State;
  /** The operation that led here; -1 at the beginning. */
  readonly operation: number;
  /** The state before an unknown operation that led here: the next one must need it. */
  readonly without: State | undefined;
  /** Answered operations that were done although an earlier answer is still to be explained; ascending. */
  readonly ahead: readonly number[];
  /** Unknown operations that were done; ascending. */
  readonly taken: readonly number[];
  readonly next: readonly number[];
  tried: number;
}

class Search<State, Input, Output> {
  readonly operations: readonly Operation<Input, Output>[];
  places = 0;
  /** The farthest answer that was not explained, as an operation; and the way there. */
  stuckAt = -1;
  stuckState: State;
  way: readonly number[] = [];

  readonly #model: Model<State, Input, Output>;
  readonly #maxPlaces: number;
  /** Calls and answers in time, a list from which what was done is taken out. An event is operation*2, or operation*2+1 for the answer. */
  readonly #next: Int32Array;
  readonly #previous: Int32Array;
  /** Place in time of an operation's answer. */
  readonly #answerRank: Int32Array;
  readonly #head: number;
  #open = 0;
  #farthest = -1;

  constructor(model: Model<State, Input, Output>, operations: readonly Operation<Input, Output>[], maxPlaces: number) {
    this.#model = model;
    this.#maxPlaces = maxPlaces;
    this.stuckState = model.initial;
    this.operations = [...operations].sort((a, b) => a.calledAt - b.calledAt);
    const events: number[] = [];
    for (const [index, operation] of this.operations.entries()) {
      events.push(index * 2);
      if (operation.answeredAt !== undefined) {
        events.push(index * 2 + 1);
        this.#open++;
      }
    }
    const timeOf = (event: number) => {
      const operation = this.operations[event >> 1]!;
      return event & 1 ? operation.answeredAt! : operation.calledAt;
    };
    // At the same moment calls come first: operations that touch may have run together.
    events.sort((a, b) => timeOf(a) - timeOf(b) || (a & 1) - (b & 1) || a - b);
    this.#head = this.operations.length * 2;
    this.#next = new Int32Array(this.#head + 1).fill(-1);
    this.#previous = new Int32Array(this.#head + 1).fill(-1);
    this.#answerRank = new Int32Array(this.operations.length).fill(-1);
    let last = this.#head;
    for (const [rank, event] of events.entries()) {
      this.#next[last] = event;
      this.#previous[event] = last;
      if (event & 1) this.#answerRank[event >> 1] = rank;
      last = event;
    }
  }

  run(): "linearizable" | "violation" | "undecided" {
    if (this.#open === 0) return "linearizable";
    const been = new Set<string>();
    const way: Place<State>[] = [this.#arrive(this.#model.initial, -1, undefined, [], [], [])];
    while (way.length > 0) {
      const place = way[way.length - 1]!;
      if (place.tried === place.next.length) {
        way.pop();
        if (place.operation !== -1) this.#putBack(place.operation);
        continue;
      }
      const operation = place.next[place.tried++]!;
      const state = this.#do(place.state, operation);
      if (state === undefined || this.#isNeedless(place, operation, state)) continue;
      this.#takeOut(operation);
      if (this.#open === 0) return "linearizable";
      const isKnown = this.#answerRank[operation] !== -1;
      const barrier = this.#answerRank[this.#firstAnswer()]!;
      const ahead = (isKnown ? withOne(place.ahead, operation) : place.ahead).filter(
        (one) => this.#answerRank[one]! > barrier,
      );
      const taken = isKnown ? place.taken : withOne(place.taken, operation);
      const name = `${barrier}|${ahead.join()}|${taken.join()}|${this.#model.fingerprint(state)}`;
      // After an unknown operation not every next one is tried: that the place was seen so says nothing of it otherwise.
      const seenAs = isKnown ? name : `${name}|${this.#model.fingerprint(place.state)}`;
      if (been.has(name) || been.has(seenAs)) {
        this.#putBack(operation);
        continue;
      }
      been.add(seenAs);
      if (been.size > this.#maxPlaces) return "undecided";
      way.push(this.#arrive(state, operation, isKnown ? undefined : place.state, ahead, taken, way));
    }
    return "violation";
  }

  #arrive(
    state: State,
    operation: number,
    without: State | undefined,
    ahead: readonly number[],
    taken: readonly number[],
    way: readonly Place<State>[],
  ): Place<State> {
    this.places++;
    const known: number[] = [];
    const unknown: number[] = [];
    let event = this.#next[this.#head]!;
    for (; event !== -1 && (event & 1) === 0; event = this.#next[event]!) {
      const candidate = event >> 1;
      (this.#answerRank[candidate] === -1 ? unknown : known).push(candidate);
    }
    const stuck = event >> 1;
    if (this.#answerRank[stuck]! > this.#farthest) {
      this.#farthest = this.#answerRank[stuck]!;
      this.stuckAt = stuck;
      this.stuckState = state;
      this.way = [...way.slice(1).map((one) => one.operation), ...(operation === -1 ? [] : [operation])];
    }
    const now = this.#model.fingerprint(state);
    const free = known.find((candidate) => {
      const { input, output } = this.operations[candidate]!;
      if (!this.#model.changesNothing(input, output)) return false;
      const then = this.#do(state, candidate);
      return then !== undefined && this.#model.fingerprint(then) === now;
    });
    // The one that has to be answered first is the likeliest to come first.
    known.sort((a, b) => this.#answerRank[a]! - this.#answerRank[b]!);
    const next = free !== undefined && without === undefined ? [free] : [...known, ...unknown];
    return { state, operation, without, ahead, taken, next, tried: 0 };
  }

  /** Whether the unknown operation that led to this place makes no difference to the one after it. */
  #isNeedless(place: Place<State>, operation: number, state: State): boolean {
    if (place.without === undefined) return false;
    const same = this.#do(place.without, operation);
    return same !== undefined && this.#model.fingerprint(same) === this.#model.fingerprint(state);
  }

  #do(state: State, index: number): State | undefined {
    const { input, output } = this.operations[index]!;
    return this.#answerRank[index] === -1
      ? this.#model.effect(state, input)
      : this.#model.step(state, input, output as Output);
  }

  /** The operation whose answer is the earliest that is not explained. */
  #firstAnswer(): number {
    let event = this.#next[this.#head]!;
    while ((event & 1) === 0) event = this.#next[event]!;
    return event >> 1;
  }

  #takeOut(operation: number): void {
    this.#unlink(operation * 2);
    if (this.#answerRank[operation] === -1) return;
    this.#unlink(operation * 2 + 1);
    this.#open--;
  }

  /** In the reverse order of {@link #takeOut}, so that the neighbours are those of then. */
  #putBack(operation: number): void {
    if (this.#answerRank[operation] !== -1) {
      this.#link(operation * 2 + 1);
      this.#open++;
    }
    this.#link(operation * 2);
  }

  #unlink(event: number): void {
    const previous = this.#previous[event]!;
    const next = this.#next[event]!;
    this.#next[previous] = next;
    if (next !== -1) this.#previous[next] = previous;
  }

  #link(event: number): void {
    this.#next[this.#previous[event]!] = event;
    const next = this.#next[event]!;
    if (next !== -1) this.#previous[next] = event;
  }
}

function withOne(sorted: readonly number[], value: number): readonly number[] {
  return [...sorted, value].sort((a, b) => a - b);
}

function refusal<State, Input, Output>(
  model: Model<State, Input, Output>,
  key: string,
  kind: "violation" | "undecided",
  search: Search<State, Input, Output>,
): NotLinearizable<Input, Output> {
  const { operations, stuckAt } = search;
  const line = (operation: Operation<Input, Output>) =>
    `  ${operation.calledAt} – ${operation.answeredAt ?? "?"}  ${operation.client}  ${model.describe(operation.input, operation.output)}`;
  const before = search.way.map((index) => operations[index]!);
  if (kind === "undecided") {
    const text = `key ${key}: ${operations.length} operations, and no order found in ${search.places} places: given up`;
    return { ok: false, kind, key, offender: undefined, window: [], before, text };
  }
  const offender = operations[stuckAt]!;
  const done = new Set(before);
  const window = operations.filter(
    (one) =>
      one === offender ||
      (one.calledAt <= offender.answeredAt! && (one.answeredAt ?? Number.POSITIVE_INFINITY) >= offender.calledAt),
  );
  const text = [
    `key ${key}: no order of the operations explains the answer of`,
    line(offender),
    `One order of what was answered before it${before.length > PRINTED_BEFORE ? ` (the last ${PRINTED_BEFORE} of ${before.length})` : ""}:`,
    ...before.slice(-PRINTED_BEFORE).map(line),
    `  leads to: ${model.describeState(search.stuckState)}`,
    "What ran at the same time, or may have, and is not in it:",
    ...window.filter((one) => one !== offender && !done.has(one)).map(line),
  ].join("\n");
  return { ok: false, kind, key, offender, window, before, text };
}
