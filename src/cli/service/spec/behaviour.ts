/** Flags that tswarm keeps as labels of the service, for SwarmKit has no fields for them. */
import type { FlagReader } from "../../flag-reader.js";
import { oneOf } from "../../values/amount.js";
import { durationMs, formatDuration, parseDuration } from "../../values/duration.js";

export const PROGRESS_DEADLINE_LABEL = "tswarm.update.progress-deadline";
export const STRATEGY_LABEL = "tswarm.placement.strategy";

/** Reads --update-progress-deadline and --placement-strategy. @returns the labels to set @throws UsageError */
export function readBehaviourLabels(flags: FlagReader): Record<string, string> {
  const deadline = flags.value("--update-progress-deadline", parseDeadline);
  const strategy = flags.value("--placement-strategy", oneOf("spread", "binpack"));
  return {
    ...(deadline === undefined ? {} : { [PROGRESS_DEADLINE_LABEL]: deadline }),
    ...(strategy === undefined ? {} : { [STRATEGY_LABEL]: strategy }),
  };
}

/** In whole milliseconds, as the cluster reads it. */
function parseDeadline(text: string, flag: string): string {
  const ms = durationMs(parseDuration(text, flag));
  return ms === 0 ? "0" : formatDuration({ seconds: Math.floor(ms / 1000), nanos: (ms % 1000) * 1e6 });
}
