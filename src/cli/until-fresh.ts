import { RpcError } from "./connection.js";
import { CommandError } from "./failure.js";

/** Others may change an object between our reading and our writing; so often it is read again. */
const MAX_TRIES = 10;
/** The cluster's words for that: its code is UNKNOWN, so clients go by the text. */
const STALE = /update out of sequence/;

export interface FreshWrite<T, Result> {
  /** Writes with the version of the object that it is given. */
  write(current: T): Promise<Result>;
  reread(): Promise<T | undefined>;
}

/**
 * Writes an object as it was read; when someone else was faster, reads it again and writes to their result.
 * @param what how a person calls it, `node host1`
 * @throws CommandError when it is refused
 */
export async function untilFresh<T, Result>(what: string, read: T, change: FreshWrite<T, Result>): Promise<Result> {
  let current = read;
  for (let tries = 1; ; tries += 1) {
    try {
      return await change.write(current);
    } catch (error) {
      if (!(error instanceof RpcError) || !STALE.test(error.message)) throw error;
      if (tries === MAX_TRIES) {
        throw new CommandError(`${what} is changed by others all the time: gave up after ${MAX_TRIES} tries`);
      }
      const found = await change.reread();
      if (found === undefined) throw new CommandError(`${what} is not there any more`);
      current = found;
    }
  }
}
