/** What a node is made with, whichever cluster it comes into. */
import type { LocalSockets } from "../api/local-sockets.js";
import type { ManagerUser } from "./manager-user.js";
import type { RunFlags } from "./options.js";
import type { StateDirectory } from "./state-directory.js";

export interface NodeContext {
  readonly state: StateDirectory;
  readonly flags: RunFlags;
  readonly sockets: LocalSockets;
  /** Whom the manager runs as; undefined: this process's own user. */
  readonly managerUser: ManagerUser | undefined;
  readonly log: (line: string) => void;
  /** The manager's own lines. */
  readonly managerLog: (line: string) => void;
  /** The agent cannot go on. */
  readonly onFailure: (reason: string) => void;
}
