import { join } from "node:path";
import { DiskError } from "../raft/disk/disk.js";
import { RaftStartError } from "../raft/node/boot.js";
import { RaftError } from "../raft/node/raft.js";
import { LogDamagedError } from "../raft/storage/log-storage.js";
import { LogLockedError } from "../security/at-rest/locked-error.js";
import { KeyFileError } from "../security/at-rest/sealed-keys.js";
import { CertificateFilesError } from "../security/node-certificate/certificate-files-error.js";
import { CertificateError } from "../security/pki/certificate-error.js";

/** Why a manager cannot start, or go on: one line for people. */
export class ManagerStartError extends Error {
  override readonly name = "ManagerStartError";
}

/** @param folder of the log @returns what is known to go wrong in words that say what to do; any other error as it is */
export function asStartError(error: unknown, folder: string): unknown {
  if (error instanceof LogDamagedError) {
    return new ManagerStartError(
      `${join(folder, error.file)} is damaged at offset ${error.offset}: ${error.reason}. Nothing was changed. ${WAYS_ON}`,
    );
  }
  if (error instanceof LogLockedError || error instanceof KeyFileError) {
    return new ManagerStartError(`${error.message}. Nothing was changed. ${WAYS_ON}`);
  }
  if (error instanceof CertificateFilesError) {
    return new ManagerStartError(
      `${error.message}. Remove that folder: this manager asks for another certificate then`,
    );
  }
  if (error instanceof CertificateError) {
    return new ManagerStartError(`this manager does not take the certificate that it was given: ${error.message}`);
  }
  if (error instanceof DiskError) return new ManagerStartError(`the manager's log in ${folder}: ${error.message}`);
  if (error instanceof RaftStartError || error instanceof RaftError) return new ManagerStartError(error.message);
  return error;
}

const WAYS_ON =
  "Where other managers run: demote this one there, empty its state folder, and let it join again. Where none does: put back a copy of the folder.";
