import { NodeSpec_Availability as Availability } from "../../api/generated/docker/swarmkit/v1/specs.js";
import { oneOf } from "../values/amount.js";

const AVAILABILITIES = { active: Availability.ACTIVE, pause: Availability.PAUSE, drain: Availability.DRAIN } as const;

/** @throws UsageError */
export function parseAvailability(text: string, flag: string): Availability {
  return AVAILABILITIES[oneOf("active", "pause", "drain")(text, flag)];
}
