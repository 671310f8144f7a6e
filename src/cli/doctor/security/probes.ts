import { agentExpiry, agentFiles, managerExpiry, managerFiles } from "./certificate-probes.js";
import { clock, managersReachable } from "./manager-probes.js";
import type { SecurityProbe } from "./probe.js";
import { noCapabilities, separateUsers } from "./process-probes.js";
import { listeners, socketModes, strangersRefused } from "./socket-probes.js";
import { autolock, joinTokens, logFiles, rootRotation } from "./swarm-probes.js";

/** In the order in which they are shown. */
export const SECURITY_PROBES: readonly SecurityProbe[] = [
  socketModes,
  separateUsers,
  noCapabilities,
  agentFiles,
  managerFiles,
  agentExpiry,
  managerExpiry,
  logFiles,
  listeners,
  strangersRefused,
  managersReachable,
  clock,
  autolock,
  joinTokens,
  rootRotation,
];
