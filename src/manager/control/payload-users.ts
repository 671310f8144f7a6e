/** Who keeps a secret or a config from being removed. */
import type { Service } from "../../api/generated/docker/swarmkit/v1/objects.js";
import { UpdateStatus_UpdateState as UpdateState } from "../../api/generated/docker/swarmkit/v1/types.js";
import { invalidArgument } from "../../api/status-error.js";
import type { StoreReader } from "../../store/reader.js";
import { needsOfSpec } from "../task-references.js";

/** Of an update that is under way, or that may go back by itself, both specifications count. */
const UNDER_WAY: readonly UpdateState[] = [UpdateState.UPDATING, UpdateState.ROLLBACK_STARTED];

/** @throws StatusError (INVALID_ARGUMENT) with SwarmKit's words */
export function refuseWhileUsed(kind: "secret" | "config", id: string, name: string, read: StoreReader): void {
  const users = read
    .all("service")
    .filter((service) => uses(service, kind, id))
    .map(({ spec }) => spec?.annotations?.name ?? "");
  if (users.length === 0) return;
  const services = users.length > 1 ? "services" : "service";
  throw invalidArgument(`${kind} '${name}' is in use by the following ${services}: ${users.sort().join(", ")}`);
}

function uses({ spec, previousSpec, updateStatus }: Service, kind: "secret" | "config", id: string): boolean {
  const specs = updateStatus && UNDER_WAY.includes(updateStatus.state) ? [spec, previousSpec] : [spec];
  return specs.some((one) => one?.task && needsOfSpec(one.task).some((need) => need.kind === kind && need.id === id));
}
