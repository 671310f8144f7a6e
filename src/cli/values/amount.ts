import { UsageError } from "../failure.js";

const UNITS = ["b", "k", "m", "g", "t"] as const;
const NANO = 1_000_000_000;
/** The cluster's own lower bounds. */
const MIN_NANO_CPUS = 1_000_000;
const MIN_MEMORY_BYTES = 4 * 1024 * 1024;

/** Reads a whole number between bounds. @throws UsageError */
export function parseWhole(text: string, flag: string, min = 0, max = Number.MAX_SAFE_INTEGER): number {
  const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= min && value <= max)) {
    const range = max === Number.MAX_SAFE_INTEGER ? `of at least ${min}` : `from ${min} to ${max}`;
    throw new UsageError(`${flag}: "${text}" is not a whole number ${range}`);
  }
  return value;
}

/** Reads a size in bytes: a number with an optional unit b, k, m, g, t (powers of 1024), `64M`, `1.5g`, `512MiB`. @throws UsageError */
export function parseSize(text: string, flag: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*(?:([bkmgt])(?:i?b)?)?$/i.exec(text);
  const exponent = match ? UNITS.indexOf((match[2]?.toLowerCase() ?? "b") as (typeof UNITS)[number]) : 0;
  const bytes = match ? Math.floor(Number(match[1]) * 1024 ** exponent) : Number.NaN;
  if (!Number.isSafeInteger(bytes)) {
    throw new UsageError(`${flag}: "${text}" is not a size: write a number with a unit b, k, m, g or t, such as 64M`);
  }
  return bytes;
}

/** Reads a memory size of at least 4 MiB, the least that the cluster accepts. @throws UsageError */
export function parseMemory(text: string, flag: string): number {
  const bytes = parseSize(text, flag);
  if (bytes < MIN_MEMORY_BYTES) throw new UsageError(`${flag}: "${text}" is too little memory: it takes at least 4M`);
  return bytes;
}

/** Reads a number of CPUs, `0.5`, into billionths of a CPU. @throws UsageError */
export function parseCpus(text: string, flag: string): number {
  const nano = /^(?:\d+(?:\.\d{1,9})?|\.\d{1,9})$/.test(text) ? Math.round(Number(text) * NANO) : Number.NaN;
  if (!Number.isSafeInteger(nano)) {
    throw new UsageError(`${flag}: "${text}" is not a number of CPUs: write one such as 0.5 or 2`);
  }
  if (nano < MIN_NANO_CPUS) throw new UsageError(`${flag}: "${text}" is too little CPU: it takes at least 0.001`);
  return nano;
}

/** Reads a share between 0 and 1. @throws UsageError */
export function parseRatio(text: string, flag: string): number {
  const value = /^(?:\d+(?:\.\d+)?|\.\d+)$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= 0 && value <= 1)) throw new UsageError(`${flag}: "${text}" is not a number from 0 to 1`);
  return value;
}

/** Reads one of some words. The reader throws UsageError naming them. */
export function oneOf<const T extends string>(...choices: readonly T[]): (text: string, flag: string) => T {
  return (text, flag) => {
    const choice = choices.find((one) => one === text);
    if (choice === undefined) throw new UsageError(`${flag}: "${text}" is not one of ${choices.join(", ")}`);
    return choice;
  };
}

/** Writes bytes with the largest unit that keeps at most two decimals, `64MiB`. */
export function formatSize(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024;
    unit += 1;
  }
  const name = unit === 0 ? "B" : `${UNITS[unit]!.toUpperCase()}iB`;
  return `${Number(value.toFixed(2))}${name}`;
}

/** Writes billionths of a CPU as CPUs, `0.5`. */
export function formatCpus(nanoCpus: number): string {
  return String(nanoCpus / NANO);
}
