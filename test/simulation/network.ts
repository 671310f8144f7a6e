/**
 * The network of the simulation: between any two hosts messages are lost, doubled, late and out of order, and lines are cut, in both
 * directions or one.
 */
import { SeededRandom } from "./random.js";
import type { VirtualTime } from "./virtual-time.js";

export interface Weather {
  readonly loss: number;
  readonly duplication: number;
  readonly minDelayMs: number;
  readonly maxDelayMs: number;
  /** Some packets take so long. */
  readonly stragglers: number;
  readonly stragglerMs: number;
}

export const CALM: Weather = {
  loss: 0,
  duplication: 0,
  minDelayMs: 0.2,
  maxDelayMs: 1,
  stragglers: 0,
  stragglerMs: 0,
};

export class Network {
  readonly #time: VirtualTime;
  readonly #seed: number;
  readonly #cut = new Set<string>();
  /** Of each line its own, so that what is left out of a story changes little else in it. */
  readonly #randoms = new Map<string, SeededRandom>();
  weather: Weather = CALM;
  packets = 0;

  constructor(time: VirtualTime, seed: number) {
    this.#time = time;
    this.#seed = seed;
  }

  cut(from: string, to: string): void {
    this.#cut.add(`${from}>${to}`);
  }

  mend(): void {
    this.#cut.clear();
  }

  isCut(from: string, to: string): boolean {
    return this.#cut.has(`${from}>${to}`);
  }

  /** Whether a packet and its answer can pass now. */
  passes(one: string, other: string): boolean {
    return !this.isCut(one, other) && !this.isCut(other, one);
  }

  /** Calls `deliver` when the packet comes: never, once, or twice. The line may be cut while it is on its way. */
  send(from: string, to: string, deliver: () => void): void {
    this.packets++;
    const random = this.#randomOf(from, to);
    const { weather } = this;
    if (this.isCut(from, to) || random.chance(weather.loss)) return;
    for (let copies = random.chance(weather.duplication) ? 2 : 1; copies > 0; copies--) {
      this.#time.after(this.#delay(random), () => {
        if (!this.isCut(from, to)) deliver();
      });
    }
  }

  /** As over a connection: in order, and once; the connection breaks instead of losing something. @returns whether it went out */
  sendReliably(from: string, to: string, deliver: () => void, broken: () => void): boolean {
    this.packets++;
    const random = this.#randomOf(from, to);
    const isLost = this.isCut(from, to) || random.chance(this.weather.loss);
    this.#time.after(this.#delay(random), () => {
      if (isLost || this.isCut(from, to)) broken();
      else deliver();
    });
    return !isLost;
  }

  #delay(random: SeededRandom): number {
    const { minDelayMs, maxDelayMs, stragglers, stragglerMs } = this.weather;
    if (stragglers > 0 && random.chance(stragglers)) return random.between(maxDelayMs, stragglerMs);
    return random.between(minDelayMs, maxDelayMs);
  }

  #randomOf(from: string, to: string): SeededRandom {
    const line = `${from}>${to}`;
    let random = this.#randoms.get(line);
    if (!random) {
      random = new SeededRandom(this.#seed, line);
      this.#randoms.set(line, random);
    }
    return random;
  }
}
