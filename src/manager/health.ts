import {
  type HealthCheckRequest,
  HealthService,
  HealthCheckResponse_ServingStatus as ServingStatus,
} from "../api/generated/docker/swarmkit/v1/health.js";
import { partialService } from "../api/partial-service.js";
import { unary } from "../api/server-call.js";
import { notFound } from "../api/status-error.js";

const SERVICES: ReadonlySet<string> = new Set(["", "ControlAPI"]);

/** The gRPC service. @param isServing whether the manager does its work */
export function healthService(isServing: () => boolean, log: (line: string) => void) {
  const check = unary(({ service }: HealthCheckRequest) => {
    if (!SERVICES.has(service)) throw notFound(`unknown service ${service}`);
    return { status: isServing() ? ServingStatus.SERVING : ServingStatus.NOT_SERVING };
  }, log);
  return partialService(HealthService, { check }, log);
}
