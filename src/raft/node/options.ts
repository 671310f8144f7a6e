import type { RaftMember } from "../../api/generated/docker/swarmkit/v1/raft.js";
import type { MemberId } from "../core/member-id.js";
import type { LogStorage } from "../storage/log-storage.js";
import type { TransportFactory } from "../transport/transport.js";
import type { Clock, Random } from "./clock.js";
import type { JoinResult, StateMachine } from "./raft.js";
import type { RaftSettings } from "./settings.js";

/** What to do. Bootstrap and join count only for a storage that is new: with a log that is there, the member goes on with it. */
export type StartMode =
  /** The first member of a new cluster. */
  | { readonly kind: "bootstrap" }
  /** A further one: `request` asks the leader, and may be called again after a crash. */
  | { readonly kind: "join"; readonly request: () => Promise<JoinResult> }
  /** The log must be there. */
  | { readonly kind: "restart" }
  /** The others are lost: a cluster of this member alone, from its log. Never on two members. */
  | { readonly kind: "force-new-cluster" };

export interface RaftNodeOptions<Local> {
  readonly nodeId: string;
  /** Where other members reach this one. When it differs from before, they learn it. */
  readonly address: string;
  /** Not loaded yet. The node closes it. */
  readonly storage: LogStorage;
  /** Empty. */
  readonly stateMachine: StateMachine<Local>;
  readonly transport: TransportFactory;
  readonly clock: Clock;
  readonly random: Random;
  readonly settings?: Partial<RaftSettings>;
  readonly start: StartMode;
  /** Resolves when somebody who can be a member answers there. */
  readonly probe?: (address: string) => Promise<void>;
  readonly log: (line: string) => void;
}

/** Another member as far as it is known before the log says so. */
export interface KnownMembers {
  readonly members: readonly RaftMember[];
  readonly removed: ReadonlySet<MemberId>;
}
