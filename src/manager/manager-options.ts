import type { InitClusterRequest } from "../api/generated/tswarm/v1/node.js";
import type { Disk } from "../raft/disk/disk.js";
import type { RaftSettings } from "../raft/node/settings.js";
import type { CertificateStore } from "../security/node-certificate/certificate-store.js";
import type { Clock } from "../store/clock.js";
import type { RandomBytes } from "../store/object-id.js";
import type { Issue } from "./member/manager-certificate.js";

export interface ManagerOptions {
  readonly stateDir: string;
  /** Path of the unix socket of the Control API. */
  readonly controlSocket: string;
  /** Where nodes and other managers connect to, "0.0.0.0:2377"; absent: only over the control socket. Port 0 takes any. */
  readonly remoteAddress?: string;
  /** What they are told to connect to, "10.0.0.1:2377"; absent: an address of this host with the remote port. */
  readonly advertiseAddress?: string;
  /** The node that this manager belongs to. */
  readonly nodeId: string;
  /** The cluster that it begins; refused where there is a log. */
  readonly bootstrap?: Partial<InitClusterRequest>;
  /** Managers of a cluster that is to take this one in, "HOST:PORT"; counts only while the state folder has no log. */
  readonly join?: readonly string[];
  /** Asks for this manager's certificate while it has none: the daemon beside it does, in the agent's name. PEM. */
  readonly issue?: Issue;
  /** The other managers are lost: a cluster of this one alone, from its log. */
  readonly forceNewCluster?: boolean;
  /** UDP port of VXLAN. */
  readonly dataPathPort?: number;
  readonly heartbeatPeriodMs?: number;
  /** Times of the log. */
  readonly raft?: Partial<Pick<RaftSettings, "tickMs" | "electionTicks" | "heartbeatTicks">>;
  /** Where the log is kept; absent: `raft` in the state folder. */
  readonly disk?: Disk;
  /** Where its certificate is; absent: `certificates` in the state folder. */
  readonly certificates?: CertificateStore;
  /** Time as services and tasks see it; the log and connections have the system's. */
  readonly clock?: Clock;
  readonly random?: RandomBytes;
  /** In [0, 1), for each certificate: where in its window it is renewed. Absent: at random. */
  readonly renewalPoint?: () => number;
  /** This manager was taken out of the cluster's managers: it does nothing more. */
  readonly onRemoved?: () => void;
  /** It cannot go on: its disk failed, or what it found there after it was unlocked. One clear line. */
  readonly onFailure?: (error: Error) => void;
  readonly log: (line: string) => void;
}

export const DEFAULT_DATA_PATH_PORT = 4789;
export const DEFAULT_HEARTBEAT_MS = 5000;
export const DEFAULT_REMOTE_PORT = 2377;
