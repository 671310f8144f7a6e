/** The command line of the manager's process. */
import type { DaemonOptions } from "./options.js";
import type { ManagerStart } from "./start-plan.js";

export interface ManagerPlace {
  readonly nodeId: string;
  /** Folder of the manager's own state. */
  readonly stateDir: string;
  /** Where other hosts reach this one. */
  readonly underlayAddress: string;
}

export function managerFlags(options: DaemonOptions, place: ManagerPlace, start: ManagerStart): readonly string[] {
  const { tickMs, electionTicks, heartbeatTicks } = options.election;
  return [
    ...["--state-dir", place.stateDir],
    ...["--node-id", place.nodeId],
    ...["--listen-control-api", options.controlSocket],
    ...["--listen-remote-api", options.remoteAddress],
    ...["--advertise-remote-api", advertised(options.remoteAddress, place.underlayAddress)],
    ...["--heartbeat-period-ms", String(options.heartbeatPeriodMs)],
    ...["--data-path-port", String(options.dataPathPort)],
    ...(start.join.length > 0 ? ["--join", start.join.join(",")] : []),
    ...(start.forceNewCluster ? ["--force-new-cluster"] : []),
    ...optional("--tick-ms", tickMs),
    ...optional("--election-ticks", electionTicks),
    ...optional("--heartbeat-ticks", heartbeatTicks),
  ];
}

function optional(flag: string, value: number | undefined): readonly string[] {
  return value === undefined ? [] : [flag, String(value)];
}

/** Where other nodes reach a manager that listens at every address. */
function advertised(remoteAddress: string, underlayAddress: string): string {
  return remoteAddress.replace(/^0\.0\.0\.0:/, `${underlayAddress}:`);
}
