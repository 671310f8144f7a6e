import { CommandError } from "./failure.js";

/** An object as far as finding it by an argument goes. */
export interface Candidate {
  readonly id: string;
  /** Name of a service, network or task; hostname of a node. */
  readonly name: string;
}

const MAX_SHOWN = 5;

/**
 * Finds the object that an argument means: full id, then name (exact, then by any case), then a prefix of exactly one id.
 * @param kind how a person calls such an object, "service"
 * @throws CommandError when there is none, or when several fit
 */
export function pickOne<T extends Candidate>(kind: string, argument: string, candidates: readonly T[]): T {
  if (argument === "") throw new CommandError(`no such ${kind}: the argument is empty`);
  const lower = argument.toLowerCase();
  const rules: readonly ((candidate: T) => boolean)[] = [
    ({ id }) => id === argument,
    ({ name }) => name === argument,
    ({ name }) => name.toLowerCase() === lower,
    ({ id }) => id.startsWith(argument),
  ];
  for (const rule of rules) {
    const found = distinct(candidates.filter(rule));
    if (found.length === 1) return found[0]!;
    if (found.length > 1) throw ambiguous(kind, argument, found);
  }
  throw new CommandError(`no such ${kind}: ${argument}`);
}

function distinct<T extends Candidate>(candidates: readonly T[]): T[] {
  return [...new Map(candidates.map((candidate) => [candidate.id, candidate])).values()];
}

function ambiguous(kind: string, argument: string, found: readonly Candidate[]): CommandError {
  const shown = found.slice(0, MAX_SHOWN).map(({ id, name }) => (name === "" ? id : `${id} (${name})`));
  if (found.length > MAX_SHOWN) shown.push(`${found.length - MAX_SHOWN} more`);
  return new CommandError(
    `${kind} ${argument} is ambiguous, it fits ${found.length}: ${shown.join(", ")}; give more of the id`,
  );
}

/** True when an argument may be an id or a part of one: ids are base 36. */
export function mayBeId(argument: string): boolean {
  return /^[0-9a-z]{1,25}$/.test(argument);
}
