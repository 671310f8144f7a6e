import {
  type HealthCheckRequest,
  HealthService,
  HealthCheckResponse_ServingStatus as ServingStatus,
} from "../api/generated/docker/swarmkit/v1/health.js";
import { partialService } from "../api/partial-service.js";
import { unary } from "../api/server-call.js";
import { notFound } from "../api/status-error.js";

export interface ManagerHealth {
  /** The manager does its work. */
  readonly isServing: boolean;
  /** Other managers' messages are taken in, or will be as soon as it is a member. */
  readonly isReachable: boolean;
}

/** The gRPC service. */
export function healthService(health: () => ManagerHealth, log: (line: string) => void) {
  const check = unary(({ service }: HealthCheckRequest) => {
    const facts = ASKED[service];
    if (!facts) throw notFound(`unknown service ${service}`);
    return { status: facts(health()) ? ServingStatus.SERVING : ServingStatus.NOT_SERVING };
  }, log);
  return partialService(HealthService, { check }, log);
}

/** Names of services as SwarmKit's; "Raft" is what a leader asks of a manager that wants to be taken in. */
const ASKED: Readonly<Record<string, (health: ManagerHealth) => boolean>> = {
  "": ({ isServing }) => isServing,
  ControlAPI: ({ isServing }) => isServing,
  Raft: ({ isReachable }) => isReachable,
};
