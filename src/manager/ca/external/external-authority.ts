/** Authorities outside of the cluster that hold its root's key and speak CFSSL's protocol: asked in turn. */
import { Agent } from "node:https";
import type { Cluster } from "../../../api/generated/docker/swarmkit/v1/objects.js";
import type { ExternalCA } from "../../../api/generated/docker/swarmkit/v1/types.js";
import type { NodeCertificate } from "../../../security/node-certificate/node-certificate.js";
import { certificateFacts } from "../../../security/pki/certificate-facts.js";
import type { CertifiedKey } from "../../../security/pki/certified-key.js";
import type { Clock } from "../../../store/clock.js";
import { authoritiesFor, signingRoot, trustedRoots } from "../cluster-root.js";
import type { ExternalSigner } from "../cluster-signer.js";
import type { Signed, SigningRequest } from "../signing.js";
import { checkCrossSigned, checkLeaf } from "./answer-check.js";
import { AuthorityError, crossSignRequest, leafRequest, readAnswer } from "./cfssl-protocol.js";
import { post } from "./https-post.js";
import { reach } from "./reach.js";
import { requestForRoot } from "./root-request.js";

export interface ExternalAuthorityOptions {
  readonly clock: Clock;
  /** What this manager shows to authorities. */
  readonly own: () => NodeCertificate | undefined;
}

/** Requests at a time, to each authority. */
const CONCURRENCY = 8;

export class ExternalAuthority implements ExternalSigner {
  readonly #options: ExternalAuthorityOptions;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: CONCURRENCY });

  constructor(options: ExternalAuthorityOptions) {
    this.#options = options;
  }

  /** Closes connections that nobody uses. */
  stop(): void {
    this.#agent.destroy();
  }

  async sign(cluster: Cluster, requests: readonly SigningRequest[]): Promise<readonly Signed[]> {
    const rootCa = cluster.rootCa!;
    const { certificatePem, intermediatesPem } = signingRoot(rootCa);
    const urls = authoritiesFor(certificatePem, cluster.spec?.caConfig, rootCa).map(({ url }) => url);
    const signOne = async (request: SigningRequest): Promise<Signed> => {
      try {
        const leaf = await this.#ask(urls, trustedRoots(rootCa), leafRequest(request, cluster.id), (pem) =>
          checkLeaf(pem, { request, clusterId: cluster.id, rootPem: certificatePem, nowMs: this.#options.clock.now() }),
        );
        return { kind: "signed", chainPem: leaf + (intermediatesPem ?? "") };
      } catch (error) {
        if (error instanceof AuthorityError) return { kind: "failed", reason: error.message };
        throw error;
      }
    };
    const signed: Signed[] = new Array(requests.length);
    let next = 0;
    const worker = async () => {
      while (next < requests.length) {
        const at = next++;
        signed[at] = await signOne(requests[at]!);
      }
    };
    await Promise.all(Array.from({ length: Math.min(CONCURRENCY, requests.length) }, worker));
    return signed;
  }

  /**
   * Has a root signed by the present one, whose key is outside.
   * @returns PEM @throws AuthorityError
   */
  crossSign(next: CertifiedKey, authorities: readonly ExternalCA[], presentRootPem: string): Promise<string> {
    const body = crossSignRequest(requestForRoot(next), certificateFacts(next.certificatePem).subject);
    const urls = authorities.map(({ url }) => url);
    return this.#ask(urls, presentRootPem, body, (pem) => checkCrossSigned(pem, next.certificatePem, presentRootPem));
  }

  /** Whether an authority listens there, shows a certificate that leads to the root, and takes this manager's. */
  async isReachable({ url }: ExternalCA, rootPem: string): Promise<boolean> {
    const { clock, own } = this.#options;
    return reach({ url, rootsPem: rootPem, own: own(), clock });
  }

  /** @returns what the first authority has signed that signs @throws AuthorityError, of the last one */
  async #ask(urls: readonly string[], rootsPem: string, body: string, check: (pem: string) => string): Promise<string> {
    const { clock, own } = this.#options;
    let failure = new AuthorityError("there is no external CA URL for the cluster's root");
    for (const url of urls) {
      try {
        const answer = await post({ url, body, rootsPem, own: own(), agent: this.#agent, clock });
        return check(readAnswer(answer.status, answer.body));
      } catch (error) {
        if (!(error instanceof AuthorityError)) throw error;
        failure = new AuthorityError(`external CA ${url}: ${error.message}`);
      }
    }
    throw failure;
  }
}
