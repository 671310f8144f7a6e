import { DiskError } from "../raft/disk/disk.js";
import { RaftStartError } from "../raft/node/boot.js";
import { RaftError } from "../raft/node/raft.js";
import { LogDamagedError } from "../raft/storage/log-storage.js";

/** Why a manager cannot start, or go on: one line for people. */
export class ManagerStartError extends Error {
  override readonly name = "ManagerStartError";
}

/** @returns what is known to go wrong in words that say what to do; any other error as it is */
export function asStartError(error: unknown, stateDir: string): unknown {
  if (error instanceof LogDamagedError) {
    return new ManagerStartError(
      `the manager's log in ${stateDir} cannot be used: ${error.message}. Nothing was changed. Where other managers run, remove this one there (tsctl node demote), empty ${stateDir}/raft and join again; else put back a copy of the folder`,
    );
  }
  if (error instanceof DiskError) return new ManagerStartError(`the manager's log in ${stateDir}: ${error.message}`);
  if (error instanceof RaftStartError || error instanceof RaftError) return new ManagerStartError(error.message);
  return error;
}
