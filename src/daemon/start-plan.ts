/** What a daemon begins as: from its flags and from what its state folder holds. Pure. */
import { type Membership, type NodeSettings, otherManagers } from "./membership.js";

export interface StartFlags {
  readonly joinAddresses: readonly string[];
  readonly asManager: boolean;
  readonly forceNewCluster: boolean;
  readonly settings: NodeSettings;
}

export interface StateFolder {
  readonly path: string;
  readonly nodeId: string;
  readonly membership: Membership | undefined;
  /** There is a manager's log in it. */
  readonly hasManagerLog: boolean;
}

export interface StartPlan {
  readonly membership: Membership;
  /** How the manager's process is started; undefined on a worker. */
  readonly manager: ManagerStart | undefined;
  /** What an earlier life as manager left behind has to go. */
  readonly dropsManagerState: boolean;
}

export interface ManagerStart {
  /** Managers to ask to be taken in, "HOST:PORT"; none: it begins a cluster, or goes on with its log. */
  readonly join: readonly string[];
  readonly forceNewCluster: boolean;
}

/** The flags do not fit what the state folder holds. One clear line. */
export class StartRefusedError extends Error {
  override readonly name = "StartRefusedError";
}

/** @throws StartRefusedError */
export function planStart(flags: StartFlags, folder: StateFolder): StartPlan {
  if (flags.forceNewCluster) return forcedStart(flags, folder);
  return folder.membership ? nextStart(flags, folder, folder.membership) : firstStart(flags, folder);
}

function forcedStart(flags: StartFlags, { path, membership, hasManagerLog }: StateFolder): StartPlan {
  if (flags.joinAddresses.length > 0)
    throw new StartRefusedError(
      "--force-new-cluster and --join-addr: a new cluster is joined by nobody else's managers",
    );
  if (!hasManagerLog)
    throw new StartRefusedError(
      `--force-new-cluster: ${path} holds no manager's log: it is for a manager that outlived the others`,
    );
  return {
    membership: {
      ...(membership ?? newMembership("first")),
      role: "manager",
      isExpelled: false,
      // The others are not its managers any more.
      joinAddresses: [],
      managers: [],
      settings: { ...membership?.settings, ...flags.settings },
    },
    manager: { join: [], forceNewCluster: true },
    dropsManagerState: false,
  };
}

function firstStart(flags: StartFlags, { path, hasManagerLog }: StateFolder): StartPlan {
  const { joinAddresses, asManager, settings } = flags;
  if (asManager && joinAddresses.length === 0 && !hasManagerLog)
    throw new StartRefusedError(
      "--manager needs --join-addr: without them this node begins a new cluster, as its first manager",
    );
  if (hasManagerLog && joinAddresses.length > 0 && !asManager)
    throw new StartRefusedError(
      `--join-addr: ${path} holds a manager's log: leave out the flag to go on with it, or empty the folder first`,
    );
  const cameAs = joinAddresses.length === 0 ? "first" : asManager ? "manager" : "worker";
  return {
    membership: { ...newMembership(cameAs), joinAddresses, settings },
    manager: cameAs === "worker" ? undefined : { join: joinAddresses, forceNewCluster: false },
    dropsManagerState: false,
  };
}

function nextStart(flags: StartFlags, { path, nodeId, hasManagerLog }: StateFolder, known: Membership): StartPlan {
  const addresses = otherManagers(known, nodeId);
  if (known.role === "manager" && hasManagerLog && !fits(flags.joinAddresses, known))
    throw new StartRefusedError(
      `--join-addr: this node is a manager of a cluster already (${path}), and ${flags.joinAddresses.join(", ")} is none of its managers; "tswarmd leave" ends that`,
    );
  if (known.role === "worker" && flags.asManager && known.cameAs !== "manager")
    throw new StartRefusedError(
      `--manager: this node is a worker of a cluster already (${path}): "tsctl node promote" makes a manager of it`,
    );
  const joinAddresses = flags.joinAddresses.length > 0 ? flags.joinAddresses : known.joinAddresses;
  const membership = { ...known, joinAddresses, settings: { ...known.settings, ...flags.settings } };
  if (known.role === "worker") {
    if (addresses.length === 0 && joinAddresses.length === 0)
      throw new StartRefusedError(`${path} knows no manager: say by --join-addr where one is`);
    return { membership, manager: undefined, dropsManagerState: hasManagerLog };
  }
  // A manager that was taken in already goes on with its log; one that stopped half-way asks again.
  const join = [...new Set([...addresses, ...joinAddresses])];
  return { membership, manager: { join, forceNewCluster: false }, dropsManagerState: false };
}

/** The same flags as at first, or the address of one that is known: nothing new is asked for. */
function fits(joinAddresses: readonly string[], { managers, joinAddresses: told }: Membership): boolean {
  const known = new Set([...told, ...managers.map(({ address }) => address)]);
  return joinAddresses.length === 0 || joinAddresses.some((address) => known.has(address));
}

function newMembership(cameAs: Membership["cameAs"]): Membership {
  return {
    role: cameAs === "worker" ? "worker" : "manager",
    cameAs,
    isConfirmed: false,
    isExpelled: false,
    joinAddresses: [],
    managers: [],
    settings: {},
  };
}
