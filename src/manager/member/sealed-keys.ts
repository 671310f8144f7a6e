/** The keys of a manager together: those that seal its log, and that of its certificate. One unlock key opens both. */
import type { SealedLogStorage } from "../../raft/storage/disk-log-storage.js";
import type { KeyFile } from "../../security/at-rest/key-file.js";
import type { SealedKeys } from "../autolock/key-keeper.js";
import type { ManagerCertificate } from "./manager-certificate.js";

/** Of no unlock key: what differs is sealed anew. */
const NO_VERSION = -1;

/** Changed one after the other, so a crash may leave them apart: that counts as something to be changed. */
export function sealedKeys(
  keys: KeyFile,
  storage: SealedLogStorage,
  certificate: Pick<ManagerCertificate, "isSealed" | "reseal">,
): SealedKeys {
  return {
    get isLocked() {
      return keys.isLocked || certificate.isSealed;
    },
    get version() {
      return keys.isLocked === certificate.isSealed ? keys.kekVersion : NO_VERSION;
    },
    async reseal(kek, version) {
      // The log's keys decide when the manager starts: at each step the certificate's key opens by what opens them, or by itself.
      if (certificate.isSealed) await certificate.reseal(undefined);
      await keys.reseal(kek, version === NO_VERSION ? keys.kekVersion : version);
      if (kek) await certificate.reseal(kek);
      await storage.rotateKey();
    },
  };
}
