/** The unix sockets of a node: which program listens where. All of them follow from the path of the manager's control socket. */
import { basename, dirname, join } from "node:path";

/** What must not outlive a reboot; root's. */
export const RUNTIME_FOLDER = "/run/tswarm";
/** In the runtime folder: the manager's user may write here, and nowhere else. */
const MANAGER_FOLDER = "manager";
const NODE_SOCKET = "tswarmd.sock";
const SUPPORT_SOCKET = "agent.sock";

export const DEFAULT_CONTROL_SOCKET = join(RUNTIME_FOLDER, MANAGER_FOLDER, "swarmd.sock");

export interface LocalSockets {
  /** The manager's: the API for tsctl. */
  readonly control: string;
  /** The daemon's: `tswarm.v1.LocalNode`, for root. */
  readonly node: string;
  /** The daemon's: `tswarm.v1.ManagerSupport`, for the manager's user. */
  readonly support: string;
}

/**
 * A folder named "manager" is the manager's own, and the daemon's socket lies above it; otherwise all three lie side by side.
 * @param control the control socket's path
 */
export function localSockets(control: string): LocalSockets {
  const folder = dirname(control);
  const above = basename(folder) === MANAGER_FOLDER ? dirname(folder) : folder;
  return { control, node: join(above, NODE_SOCKET), support: join(folder, SUPPORT_SOCKET) };
}
