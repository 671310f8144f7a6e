/**
 * Parsers meet damaged bytes: each mutant of a sample ends in a value or in an error of the expected kind, never in another.
 */

export interface MutationOptions {
  /** Sound messages; mutants are made of them. */
  readonly samples: readonly Buffer[];
  readonly parse: (bytes: Buffer) => unknown;
  /** The kind of error that a parser may throw. */
  readonly isExpected: (error: unknown) => boolean;
  readonly mutants?: number;
  readonly seed?: number;
}

export interface MutationCount {
  readonly parsed: number;
  readonly refused: number;
}

/**
 * Feeds mutants to the parser; 100,000 unless told otherwise.
 * @throws Error with the mutant in hexadecimal when the parser throws another error than expected
 */
export function parseMutants(options: MutationOptions): MutationCount {
  const { samples, parse, isExpected, mutants = 100_000, seed = 1 } = options;
  if (samples.length === 0) throw new Error("no samples to mutate");
  const random = randomNumbers(seed);
  let refused = 0;
  for (let round = 0; round < mutants; round++) {
    const mutant = mutate(samples, random);
    try {
      parse(mutant);
    } catch (error) {
      if (!isExpected(error)) {
        throw new Error(`mutant ${round} of seed ${seed}, ${mutant.toString("hex")}: ${error}`, { cause: error });
      }
      refused++;
    }
  }
  return { parsed: mutants - refused, refused };
}

/** One to four changes to a copy of one sample. @param random gives an integer from 0 to below `limit` */
export function mutate(samples: readonly Buffer[], random: (limit: number) => number): Buffer {
  let bytes = Buffer.from(samples[random(samples.length)]!);
  for (let changes = 1 + random(4); changes > 0; changes--) {
    const at = random(Math.max(bytes.length, 1));
    switch (random(bytes.length === 0 ? 1 : 7)) {
      case 0:
        bytes = Buffer.concat([bytes, Buffer.from(Array.from({ length: 1 + random(8) }, () => random(256)))]);
        break;
      case 1:
        bytes[at]! ^= 1 << random(8);
        break;
      case 2:
        bytes[at] = INTERESTING[random(INTERESTING.length)]!;
        break;
      case 3:
        bytes = bytes.subarray(0, at);
        break;
      case 4:
        // A length field, where lengths stand: at multiples of 4.
        if (bytes.length >= 4)
          bytes.writeUInt16LE(random(bytes.length + 8), at - (at % 4) > bytes.length - 2 ? 0 : at - (at % 4));
        break;
      case 5: {
        const end = Math.min(bytes.length, at + 1 + random(16));
        bytes = Buffer.concat([bytes.subarray(0, end), bytes.subarray(at, end), bytes.subarray(end)]);
        break;
      }
      default: {
        const other = samples[random(samples.length)]!;
        bytes = Buffer.concat([bytes.subarray(0, at), other.subarray(random(Math.max(other.length, 1)))]);
      }
    }
  }
  return bytes;
}

const INTERESTING = [0, 1, 2, 3, 4, 5, 7, 8, 0x10, 0x7f, 0x80, 0xfe, 0xff];

/** A seeded sequence of integers, the same on every run: mulberry32. */
export function randomNumbers(seed: number): (limit: number) => number {
  let state = seed >>> 0;
  return (limit) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % limit;
  };
}
