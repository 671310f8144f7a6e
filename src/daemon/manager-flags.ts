/** The command line of the manager's process. */
import type { LocalSockets } from "../api/local-sockets.js";
import type { ElectionFlags } from "./options.js";
import type { ManagerStart } from "./start-plan.js";

export interface ManagerPlace {
  readonly nodeId: string;
  /** Folder of the manager's own state. */
  readonly stateDir: string;
  readonly sockets: LocalSockets;
  /** "ADDRESS:PORT" */
  readonly listenAddress: string;
  /** Where other hosts reach this one, "ADDRESS:PORT". */
  readonly advertiseAddress: string;
  readonly dataPathPort: number;
  readonly heartbeatPeriodMs: number;
  readonly election: ElectionFlags;
  /** In the manager's folder: while it is there the manager is to run; under a service manager alone. */
  readonly enabledFile?: string;
}

export function managerFlags(place: ManagerPlace, start: ManagerStart): readonly string[] {
  const { tickMs, electionTicks, heartbeatTicks } = place.election;
  return [
    ...["--state-dir", place.stateDir],
    ...["--node-id", place.nodeId],
    ...["--listen-control-api", place.sockets.control],
    ...["--support-socket", place.sockets.support],
    ...["--listen-remote-api", place.listenAddress],
    ...["--advertise-remote-api", place.advertiseAddress],
    ...["--heartbeat-period-ms", String(place.heartbeatPeriodMs)],
    ...["--data-path-port", String(place.dataPathPort)],
    ...optional("--while-exists", place.enabledFile),
    ...optional("--bootstrap", start.bootstrap),
    ...(start.join.length > 0 ? ["--join", start.join.join(",")] : []),
    ...(start.forceNewCluster ? ["--force-new-cluster"] : []),
    ...optional("--tick-ms", tickMs),
    ...optional("--election-ticks", electionTicks),
    ...optional("--heartbeat-ticks", heartbeatTicks),
  ];
}

function optional(flag: string, value: number | string | undefined): readonly string[] {
  return value === undefined ? [] : [flag, String(value)];
}
