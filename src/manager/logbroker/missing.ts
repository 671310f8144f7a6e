/** Words for what of the logs could not be had. Pure. */
import { status } from "@grpc/grpc-js";
import { StatusError } from "../../api/status-error.js";

const MAX_NAMED = 5;

/** "logs of web.1, web.2 and 3 more tasks are missing" */
export function missingText(node: string, reason: string, tasks: readonly string[]): string {
  if (tasks.length === 0) return `node ${node} ${reason}`;
  const named = tasks.slice(0, MAX_NAMED).join(", ");
  const more = tasks.length - MAX_NAMED;
  return `node ${node} ${reason}: logs of ${named}${more > 0 ? ` and ${more} more tasks` : ""} are missing`;
}

export function unplacedText(name: string, id: string): string {
  return `task ${name === id ? id : `${name} (${id})`} has not been scheduled`;
}

/** How a stream ends that lacks something: SwarmKit's words and code, as its clients show them. */
export function incomplete(reasons: readonly string[]): StatusError | undefined {
  if (reasons.length === 0) return undefined;
  return new StatusError(
    status.UNKNOWN,
    `warning: incomplete log stream. some logs could not be retrieved for the following reasons: ${reasons.join(", ")}`,
  );
}
