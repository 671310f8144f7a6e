import { ControlService } from "../../api/generated/docker/swarmkit/v1/control.js";
import type { Service } from "../../api/generated/docker/swarmkit/v1/objects.js";
import type { Connection } from "../connection.js";
import type { Action, Invocation } from "../invocation.js";
import { byName, listServices, serviceName } from "../objects.js";
import { printList, shortId } from "../render/list.js";
import { cutTo, visible } from "../render/table.js";
import { serviceMode, updateState } from "../render/words.js";
import { formatPort, protocolName, publishModeName } from "../values/port.js";
import { runtimeName, runtimeText } from "./describe.js";
import { type Counts, NO_COUNTS, replicasText } from "./replicas.js";

interface Row {
  readonly service: Service;
  readonly counts: Counts;
}

/** `tsctl service ls` */
export const listServicesCommand: Action = async (invocation) => {
  const connection = await invocation.connect();
  const services = [...(await listServices(connection))].sort((a, b) => byName(serviceName(a), serviceName(b)));
  const rows = invocation.flags.quiet === true ? services.map(withoutCounts) : await countTasks(connection, services);
  printList(invocation, {
    rows,
    id: ({ service }) => service.id,
    columns: [
      { title: "ID", value: ({ service }) => shortId(invocation, service.id) },
      { title: "NAME", value: ({ service }) => serviceName(service) },
      { title: "MODE", value: ({ service }) => serviceMode(service) },
      { title: "REPLICAS", value: ({ service, counts }) => replicasText(service, counts) },
      { title: "RUNS", value: ({ service }) => runsCell(invocation, service) },
      { title: "PORTS", value: ({ service }) => servicePorts(service).map(formatPort).join(", ") },
    ],
    json: ({ service, counts }) => ({
      id: service.id,
      name: serviceName(service),
      mode: serviceMode(service),
      running: counts.runningTasks,
      desired: counts.desiredTasks,
      completed: counts.completedTasks,
      runtime: runtimeName(service.spec?.task),
      runs: runtimeText(service.spec?.task),
      ports: servicePorts(service).map((port) => ({
        published: port.publishedPort,
        target: port.targetPort,
        protocol: protocolName(port.protocol),
        mode: publishModeName(port.publishMode),
      })),
      virtualIps: (service.endpoint?.virtualIps ?? []).map(({ networkId, addr }) => ({ networkId, address: addr })),
      update: updateState(service),
      labels: service.spec?.annotations?.labels ?? {},
    }),
  });
  return undefined;
};

/** Cells of a command line that a table shows. */
const RUNS_CELLS = 40;

function runsCell(invocation: Invocation, service: Service): string {
  const text = visible(runtimeText(service.spec?.task));
  return invocation.flags.trunc === false ? text : cutTo(text, RUNS_CELLS);
}

/** The ports with the numbers that the cluster chose; before it has, those of the specification. */
export function servicePorts(service: Service) {
  const chosen = service.endpoint?.ports ?? [];
  return chosen.length > 0 ? chosen : (service.spec?.endpoint?.ports ?? []);
}

function withoutCounts(service: Service): Row {
  return { service, counts: NO_COUNTS };
}

async function countTasks(connection: Connection, services: readonly Service[]): Promise<Row[]> {
  if (services.length === 0) return [];
  const request = { services: services.map(({ id }) => id) };
  const { statuses } = await connection.call(ControlService.listServiceStatuses, request);
  const byId = new Map(statuses.map((status) => [status.serviceId, status]));
  return services.map((service) => ({ service, counts: byId.get(service.id) ?? NO_COUNTS }));
}
