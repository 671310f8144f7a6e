/** How long an update may make no progress: the service's label "tswarm.update.progress-deadline", a duration as "90s" or "1h30m"; "0" for ever. */
import type { Service } from "../../api/generated/docker/swarmkit/v1/objects.js";

export const PROGRESS_DEADLINE_LABEL = "tswarm.update.progress-deadline";
export const DEFAULT_PROGRESS_DEADLINE_MS = 600_000;

const UNITS_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };
const DURATION = /^(?:\d+(?:\.\d+)?(?:ms|s|m|h))+$/;
/** Longer ones are for ever. */
const MAX_MS = 365 * 86_400_000;

/** @returns milliseconds, infinite for "0"; undefined when the text is no duration */
export function parseProgressDeadline(text: string): number | undefined {
  if (/^0(?:ms|s|m|h)?$/.test(text)) return Number.POSITIVE_INFINITY;
  if (!DURATION.test(text)) return undefined;
  let ms = 0;
  for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)) ms += Number(amount) * UNITS_MS[unit!]!;
  return ms > MAX_MS || ms === 0 ? Number.POSITIVE_INFINITY : ms;
}

/** In milliseconds; a label that cannot be read counts for nothing. */
export function progressDeadlineMs({ spec }: Service): number {
  const text = spec?.annotations?.labels[PROGRESS_DEADLINE_LABEL];
  return (text === undefined ? undefined : parseProgressDeadline(text)) ?? DEFAULT_PROGRESS_DEADLINE_MS;
}

/** "10m", "1h30m", "90s" as people write it. */
export function deadlineText(ms: number): string {
  const seconds = ms / 1000;
  const hours = Math.floor(seconds / 3600);
  const minutes = Math.floor((seconds % 3600) / 60);
  const rest = Math.round((seconds % 60) * 1000) / 1000;
  return `${hours ? `${hours}h` : ""}${minutes ? `${minutes}m` : ""}${rest || seconds < 1 ? `${rest}s` : ""}`;
}
