/** Which manager does not leave without force, as far as its node can tell. Pure. */
import { ManagerState, type ManagerStatusResponse } from "../api/generated/tswarm/v1/manager.js";
import { LAST_MANAGER, MAY_LOSE_CONSENSUS } from "../manager/membership/leave-text.js";

export const NOT_MEMBER = "This node is not part of a swarm";
export const ALREADY_MEMBER =
  'This node is already part of a swarm. Use "tsctl leave" to leave this swarm and join another one.';

/**
 * @param status of the node's manager; undefined while that does not answer
 * @param hasOthers the cluster has other managers, as far as the node knows
 * @returns undefined when it may leave, or the managers have to say: only the leader hears of all of them
 */
export function leaveRefusal(status: ManagerStatusResponse | undefined, hasOthers: boolean): string | undefined {
  if (status?.state === ManagerState.MANAGER_LOCKED) {
    return "Swarm is encrypted and locked. Please unlock it first or use `--force` to ignore this message.";
  }
  // Taken out already, it is missed by nobody.
  if (status?.state === ManagerState.MANAGER_REMOVED) return undefined;
  if (status?.state !== ManagerState.MANAGER_RUNNING) return MAY_LOSE_CONSENSUS;
  if (!isAlone(status)) return undefined;
  // One that has only just come has not heard of the others.
  return hasOthers ? MAY_LOSE_CONSENSUS : LAST_MANAGER;
}

/** It knows of no other manager. One that joins hears of the others first, and of itself last: then it is a member all the same. */
export function isAlone({ peers }: Pick<ManagerStatusResponse, "peers">): boolean {
  return peers.every(({ self }) => self);
}
