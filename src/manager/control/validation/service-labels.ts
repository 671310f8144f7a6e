/** Labels by which a service says what SwarmKit has no field for: a bad value is refused, not passed over in silence. */
import { invalidArgument } from "../../../api/status-error.js";
import { PROGRESS_DEADLINE_LABEL, parseProgressDeadline } from "../../orchestrator/progress-deadline.js";
import { REBALANCE_LABEL } from "../../scheduler/rebalance-steps.js";
import { isStrategy, STRATEGY_LABEL } from "../../scheduler/strategy.js";

interface Rule {
  readonly label: string;
  readonly isGood: (text: string) => boolean;
  readonly expected: string;
}

const RULES: readonly Rule[] = [
  {
    label: PROGRESS_DEADLINE_LABEL,
    isGood: (text) => parseProgressDeadline(text) !== undefined,
    expected: "a duration such as 90s or 1h30m, or 0 for none",
  },
  { label: STRATEGY_LABEL, isGood: isStrategy, expected: "spread or binpack" },
  { label: REBALANCE_LABEL, isGood: (text) => text === "auto" || text === "off", expected: "auto or off" },
];

/** @throws StatusError (INVALID_ARGUMENT) */
export function checkServiceLabels(labels: Readonly<Record<string, string>> | undefined): void {
  for (const { label, isGood, expected } of RULES) {
    const text = labels?.[label];
    if (text !== undefined && !isGood(text)) {
      throw invalidArgument(`label ${label}: ${JSON.stringify(text)} is not ${expected}`);
    }
  }
}
