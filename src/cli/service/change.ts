import {
  ControlService,
  UpdateServiceRequest_Rollback as Rollback,
} from "../../api/generated/docker/swarmkit/v1/control.js";
import type { Service } from "../../api/generated/docker/swarmkit/v1/objects.js";
import type { ServiceSpec } from "../../api/generated/docker/swarmkit/v1/specs.js";
import { type Connection, RpcError } from "../connection.js";
import { CommandError } from "../failure.js";
import { serviceName } from "../objects.js";

/** Others may change the service between our reading and our writing; so often it is read again. */
const MAX_TRIES = 10;
/** The cluster's words for that: its code is UNKNOWN, so clients go by the text. */
const STALE = /update out of sequence/;

/**
 * Changes a service as it is at this moment; when someone else was faster, the change is applied to their result.
 * @param change from the present specification to the wanted one; run again for every try
 * @throws CommandError when it is refused
 */
export async function changeService(
  connection: Connection,
  service: Service,
  change: (spec: ServiceSpec) => ServiceSpec,
): Promise<void> {
  let current = service;
  for (let tries = 1; ; tries += 1) {
    if (current.spec === undefined) throw new CommandError(`service ${current.id} has no specification to change`);
    const request = {
      serviceId: current.id,
      serviceVersion: current.meta?.version,
      spec: change(current.spec),
      rollback: Rollback.NONE,
    };
    try {
      await connection.call(ControlService.updateService, request);
      return;
    } catch (error) {
      if (!(error instanceof RpcError) || !STALE.test(error.message)) throw error;
      if (tries === MAX_TRIES) {
        throw new CommandError(
          `service ${serviceName(service)} is changed by others all the time: gave up after ${MAX_TRIES} tries`,
        );
      }
      current = await reread(connection, service);
    }
  }
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

async function reread(connection: Connection, service: Service): Promise<Service> {
  const request = { serviceId: service.id, insertDefaults: false };
  const { service: current } = await connection.call(ControlService.getService, request);
  if (current === undefined) throw new CommandError(`no such service: ${serviceName(service)}`);
  return current;
}
