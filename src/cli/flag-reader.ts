import { UsageError } from "./failure.js";

/** Reads the flags of one command, each through the function that checks its values. */
export class FlagReader {
  constructor(private readonly flags: Readonly<Record<string, unknown>>) {}

  /** True when the flag stands on the command line. */
  has(flag: string): boolean {
    return this.raw(flag) !== undefined;
  }

  /** A flag without a value. */
  isSet(flag: string): boolean {
    return this.raw(flag) === true;
  }

  /** `--no-NAME`, which stands for a false NAME. */
  isFalse(flag: string): boolean {
    return this.raw(flag) === false;
  }

  /** A flag with one value, undefined when it was not given. @throws UsageError */
  value<T>(flag: string, parse: (text: string, flag: string) => T): T | undefined {
    const text = this.raw(flag);
    return text === undefined ? undefined : parse(String(text), flag);
  }

  /** A flag that may be repeated; empty when it was not given. @throws UsageError */
  values<T>(flag: string, parse: (text: string, flag: string) => T): T[] {
    return this.texts(flag).map((text) => parse(text, flag));
  }

  /** The same, undefined when it was not given. */
  valuesIfGiven<T>(flag: string, parse: (text: string, flag: string) => T): T[] | undefined {
    return this.has(flag) ? this.values(flag, parse) : undefined;
  }

  texts(flag: string): readonly string[] {
    return (this.raw(flag) as readonly string[] | undefined) ?? [];
  }

  /** Refuses flags that mean nothing here. @throws UsageError */
  refuse(flags: readonly string[], why: string): void {
    const given = flags.find((flag) => this.has(flag));
    if (given !== undefined) throw new UsageError(`${given}: ${why}`);
  }

  private raw(flag: string): unknown {
    return this.flags[flag.replace(/^--/, "").replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase())];
  }
}

/** Keeps the text of a flag as it is. @throws UsageError when it is empty */
export function nonEmpty(text: string, flag: string): string {
  if (text === "") throw new UsageError(`${flag}: the value is empty`);
  return text;
}
