/** What a daemon begins as: from its flags and from what its state folder holds. Pure. */
import { type Membership, type NodeSettings, otherManagers } from "./membership.js";

export interface StartFlags {
  /** Begin a cluster, unless the node is in one. */
  readonly init: boolean;
  /** Join these managers' cluster, unless the node is in one. "HOST:PORT" */
  readonly joinAddresses: readonly string[];
  /** Holds the token. */
  readonly joinTokenFile: string | undefined;
  readonly forceNewCluster: boolean;
  readonly settings: NodeSettings;
}

export interface StateFolder {
  readonly path: string;
  readonly membership: Membership | undefined;
  /** There is a manager's log in it. */
  readonly hasManagerLog: boolean;
}

export type StartPlan =
  /** It waits to be told to begin a cluster, or to join one. */
  | { readonly kind: "wait" }
  | { readonly kind: "init" }
  | { readonly kind: "join"; readonly addresses: readonly string[]; readonly tokenFile: string }
  | ResumePlan;

/** It goes on as what it is. */
export interface ResumePlan {
  readonly kind: "resume";
  readonly membership: Membership;
  /** How the manager's process is started; undefined on a worker. */
  readonly manager: ManagerStart | undefined;
  /** What an earlier life as manager left behind has to go. */
  readonly dropsManagerState: boolean;
}

export interface ManagerStart {
  /** Managers to ask to be taken in, "HOST:PORT"; none: it goes on with its log. */
  readonly join: readonly string[];
  readonly forceNewCluster: boolean;
  /** File that says what cluster to begin. */
  readonly bootstrap?: string;
}

/** The flags do not fit what the state folder holds. One clear line. */
export class StartRefusedError extends Error {
  override readonly name = "StartRefusedError";
}

/** @throws StartRefusedError */
export function planStart(flags: StartFlags, folder: StateFolder): StartPlan {
  const { membership } = folder;
  if (flags.init && flags.joinAddresses.length > 0)
    throw new StartRefusedError("--init and --join-addr: a node begins a cluster, or joins one");
  if (flags.forceNewCluster) return forcedStart(flags, folder);
  return membership ? nextStart(flags, folder, membership) : firstStart(flags, folder);
}

/** The cluster of this manager's log, with it as the only manager. @throws StartRefusedError */
export function forceNewCluster(membership: Membership, settings: NodeSettings): ResumePlan {
  return {
    kind: "resume",
    membership: {
      ...membership,
      role: "manager",
      isExpelled: false,
      // The others are not its managers any more.
      joinAddresses: [],
      managers: [],
      settings: { ...membership.settings, ...settings },
    },
    manager: { join: [], forceNewCluster: true },
    dropsManagerState: false,
  };
}

function forcedStart(flags: StartFlags, { path, membership, hasManagerLog }: StateFolder): ResumePlan {
  if (flags.joinAddresses.length > 0)
    throw new StartRefusedError(
      "--force-new-cluster and --join-addr: a new cluster is joined by nobody else's managers",
    );
  if (!hasManagerLog || !membership)
    throw new StartRefusedError(
      `--force-new-cluster: ${path} holds no manager's log: it is for a manager that outlived the others`,
    );
  return forceNewCluster(membership, flags.settings);
}

function firstStart({ init, joinAddresses, joinTokenFile }: StartFlags, { path, hasManagerLog }: StateFolder) {
  if (hasManagerLog)
    throw new StartRefusedError(
      `${path} holds a manager's log, and no membership.json that says of which node: put back a copy of it, or empty the folder`,
    );
  if (init) return { kind: "init" } as const;
  if (joinAddresses.length === 0) {
    if (joinTokenFile !== undefined)
      throw new StartRefusedError("--join-token-file needs --join-addr: where a manager is");
    return { kind: "wait" } as const;
  }
  if (joinTokenFile === undefined)
    throw new StartRefusedError(
      "--join-addr needs --join-token-file: a file with the token of the role that it is to have",
    );
  return { kind: "join", addresses: joinAddresses, tokenFile: joinTokenFile } as const;
}

function nextStart(flags: StartFlags, { path, hasManagerLog }: StateFolder, known: Membership): ResumePlan {
  if (known.role === "manager" && hasManagerLog && !fits(flags.joinAddresses, known))
    throw new StartRefusedError(
      `--join-addr: this node is a manager of a cluster already (${path}), and ${flags.joinAddresses.join(", ")} is none of its managers; "tsctl leave" ends that`,
    );
  const joinAddresses = flags.joinAddresses.length > 0 ? flags.joinAddresses : known.joinAddresses;
  const membership = { ...known, joinAddresses, settings: { ...known.settings, ...flags.settings } };
  if (known.role === "worker")
    return { kind: "resume", membership, manager: undefined, dropsManagerState: hasManagerLog };
  // A manager that was taken in already goes on with its log; one that stopped half-way asks again.
  const manager = { join: otherManagers(membership), forceNewCluster: false };
  return { kind: "resume", membership, manager, dropsManagerState: false };
}

/** The same flags as at first, or the address of one that is known: nothing new is asked for. */
function fits(joinAddresses: readonly string[], { managers, joinAddresses: told }: Membership): boolean {
  const known = new Set([...told, ...managers.map(({ address }) => address)]);
  return joinAddresses.length === 0 || joinAddresses.some((address) => known.has(address));
}
