import {
  ControlService,
  UpdateServiceRequest_Rollback as Rollback,
} from "../../api/generated/docker/swarmkit/v1/control.js";
import type { Service } from "../../api/generated/docker/swarmkit/v1/objects.js";
import type { ServiceSpec } from "../../api/generated/docker/swarmkit/v1/specs.js";
import type { Connection } from "../connection.js";
import { CommandError } from "../failure.js";
import { serviceName } from "../objects.js";
import { untilFresh } from "../until-fresh.js";

/**
 * Changes a service as it is at this moment; when someone else was faster, the change is applied to their result.
 * @param change from the present specification to the wanted one; run again for every try
 * @throws CommandError when it is refused
 */
export function changeService(
  connection: Connection,
  service: Service,
  change: (spec: ServiceSpec) => ServiceSpec,
): Promise<void> {
  return untilFresh(`service ${serviceName(service)}`, service, {
    async write(current) {
      if (current.spec === undefined) throw new CommandError(`service ${current.id} has no specification to change`);
      await connection.call(ControlService.updateService, {
        serviceId: current.id,
        serviceVersion: current.meta?.version,
        spec: change(current.spec),
        rollback: Rollback.NONE,
      });
    },
    async reread() {
      const request = { serviceId: service.id, insertDefaults: false };
      return (await connection.call(ControlService.getService, request)).service;
    },
  });
}

/** Asks for the specification before the last update. */
export async function rollBackService(connection: Connection, service: Service): Promise<void> {
  await connection.call(ControlService.updateService, {
    serviceId: service.id,
    serviceVersion: service.meta?.version,
    spec: service.spec,
    rollback: Rollback.PREVIOUS,
  });
}
