/** Signs with the cluster's own key, or has it done by the external authority that holds it. */
import type { Cluster } from "../../api/generated/docker/swarmkit/v1/objects.js";
import type { RootCA } from "../../api/generated/docker/swarmkit/v1/types.js";
import type { CertificateAuthority } from "../../security/pki/certified-key.js";
import { issueCertificate } from "../../security/pki/issue.js";
import type { Clock } from "../../store/clock.js";
import { nodeCertificateExpiryMs, signingRoot } from "./cluster-root.js";
import type { CertificateSigner } from "./issue-queue.js";
import type { Signed, SigningRequest } from "./signing.js";

/** An authority outside of the cluster. */
export interface ExternalSigner {
  sign(cluster: Cluster, requests: readonly SigningRequest[]): Promise<readonly Signed[]>;
}

/** So long it signs in one go; then all else has its turn. Pacing only: no certificate depends on it. */
const SLICE_MS = 2;
/** Clocks of nodes differ. */
const BACKDATE_MS = 3_600_000;

export class ClusterSigner implements CertificateSigner {
  readonly #clock: Clock;
  readonly #external: ExternalSigner;
  #last: { readonly rootCa: RootCA; readonly authority: CertificateAuthority | undefined } | undefined;

  constructor(clock: Clock, external: ExternalSigner) {
    this.#clock = clock;
    this.#external = external;
  }

  async sign(cluster: Cluster, requests: readonly SigningRequest[]): Promise<readonly Signed[]> {
    const authority = this.#authority(cluster.rootCa!);
    if (!authority) return this.#external.sign(cluster, requests);
    const nowMs = this.#clock.now();
    const validity = {
      notBeforeMs: nowMs - BACKDATE_MS,
      notAfterMs: nowMs + nodeCertificateExpiryMs(cluster.spec?.caConfig),
    };
    const signed: Signed[] = [];
    let sliceEnd = performance.now() + SLICE_MS;
    for (const { csr, nodeId, role } of requests) {
      if (performance.now() >= sliceEnd) {
        await new Promise((resolve) => setImmediate(resolve));
        sliceEnd = performance.now() + SLICE_MS;
      }
      const subject = { nodeId, role, clusterId: cluster.id };
      signed.push({ kind: "signed", chainPem: issueCertificate({ ca: authority, csr, ...subject, ...validity }) });
    }
    return signed;
  }

  /** The same object as long as the root is the same: who signs with it keeps what it has read of it. */
  #authority(rootCa: RootCA): CertificateAuthority | undefined {
    if (this.#last?.rootCa !== rootCa) this.#last = { rootCa, authority: authorityOf(rootCa) };
    return this.#last.authority;
  }
}

/** @returns undefined where the cluster does not have the key */
function authorityOf(rootCa: RootCA): CertificateAuthority | undefined {
  const { certificatePem, keyPem, intermediatesPem } = signingRoot(rootCa);
  return keyPem === undefined ? undefined : { certificatePem, keyPem, intermediatesPem };
}
