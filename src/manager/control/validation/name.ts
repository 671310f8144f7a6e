import type { Annotations } from "../../../api/generated/docker/swarmkit/v1/types.js";
import { invalidArgument } from "../../../api/status-error.js";

const MAX_LENGTH = 63;

/** Words of letters and digits, joined by hyphens and underscores. Checked word by word: no input makes it slow. */
function isName(name: string): boolean {
  return /^[a-zA-Z0-9]/.test(name) && /[a-zA-Z0-9]$/.test(name) && /^[a-zA-Z0-9_-]+$/.test(name);
}

/** @returns the name @throws StatusError (INVALID_ARGUMENT) for one that cannot be a part of a DNS name */
export function checkName(annotations: Annotations | undefined): string {
  const name = annotations?.name ?? "";
  if (name === "") throw invalidArgument("meta: name must be provided");
  if (name.length > MAX_LENGTH) throw invalidArgument(`name must be ${MAX_LENGTH} characters or fewer`);
  if (!isName(name)) {
    throw invalidArgument(`name must be valid as a DNS name component: "${name}" is not`);
  }
  return name;
}

/** @throws StatusError (INVALID_ARGUMENT) for an empty id */
export function checkId(kind: string, id: string): string {
  if (id === "") throw invalidArgument(`invalid argument: the id of the ${kind} is missing`);
  return id;
}
