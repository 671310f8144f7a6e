/** The certificate of a manager, over its life: opened or got, shown, renewed, and sealed as the log's keys are. */
import type { Cluster, Node } from "../../api/generated/docker/swarmkit/v1/objects.js";
import { IssuanceStatus_State as Issuance, NodeRole } from "../../api/generated/docker/swarmkit/v1/types.js";
import { LogLockedError } from "../../security/at-rest/locked-error.js";
import { acceptCertificate, type CertificateAnswer } from "../../security/node-certificate/accept-certificate.js";
import { CertificateFilesError } from "../../security/node-certificate/certificate-files-error.js";
import { CertificateRenewer } from "../../security/node-certificate/certificate-renewer.js";
import type { CertificateStore } from "../../security/node-certificate/certificate-store.js";
import type { NodeCertificate } from "../../security/node-certificate/node-certificate.js";
import { tlsInfoOf } from "../../security/node-certificate/tls-info.js";
import { certificateFacts } from "../../security/pki/certificate-facts.js";
import { makeCsr } from "../../security/pki/csr.js";
import type { TlsIdentity } from "../../security/tls/tls-identity.js";
import type { Clock } from "../../store/clock.js";
import type { Store } from "../../store/store.js";
import { trustedRoots } from "../ca/cluster-root.js";
import { ManagerStartError } from "../manager-error.js";

/** Asks for a manager's certificate of this node. */
export type Issue = (csrPem: string) => Promise<CertificateAnswer>;

export interface ManagerCertificateOptions {
  readonly nodeId: string;
  readonly store: CertificateStore;
  /** Shows it. */
  readonly identity: TlsIdentity;
  /** While this manager has none that others take: by the daemon beside it. */
  readonly issue: Issue | undefined;
  /** With the one that it has. */
  readonly renew: Issue;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: (line: string) => void;
}

/** How a wish for a certificate of the next root begins. */
const ROTATION = "rotation ";

export class ManagerCertificate {
  readonly #options: ManagerCertificateOptions;
  #renewer: CertificateRenewer | undefined;
  #endWatch: () => void = () => {};
  #lastWish = "";
  #isSealed = false;

  constructor(options: ManagerCertificateOptions) {
    this.#options = options;
  }

  /** Its key needs the unlock key. */
  get isSealed(): boolean {
    return this.#isSealed;
  }

  /**
   * From now on it is shown. The log's keys are open: where the certificate's key is not, by a crash between the two, there is a new one.
   * @param kek what opened the log's keys
   * @param first for the manager that begins a cluster
   * @throws CertificateFilesError, ManagerStartError
   */
  async open(kek: Uint8Array | undefined, first: NodeCertificate | undefined): Promise<void> {
    const { store, identity } = this.#options;
    if (first) await store.save(first);
    let certificate: NodeCertificate | undefined;
    try {
      certificate = await store.load(kek);
    } catch (error) {
      if (!(error instanceof LogLockedError)) throw error;
      this.#options.log(`${error.message}: the log is open, so this manager asks for another certificate`);
    }
    if (!certificate) {
      certificate = await this.#first();
      await store.remove();
      await store.reseal(kek);
      await store.save(certificate);
    }
    this.#isSealed = (await store.look())?.isSealed ?? false;
    identity.replace(certificate);
  }

  /** Keeps it valid, and trusts whom the cluster trusts. */
  follow(cluster: Store): void {
    const { store, identity, clock, random, log } = this.#options;
    const renewer = new CertificateRenewer({
      // Whoever reads in the files that this manager has it may rely on that: others may trust nothing else from then on.
      store: {
        save: (next) => store.save(next, () => identity.replace(next)),
        saveRoots: (rootPem) => store.saveRoots(rootPem),
      },
      certificate: identity.current!,
      request: (csrPem) => this.#renew(csrPem),
      clock,
      random,
      onFailure: (error, retryInMs) => {
        log(
          `the manager's certificate was not renewed: ${(error as Error).message}; next try in ${Math.round(retryInMs / 1000)} s`,
        );
      },
    });
    this.#renewer = renewer;
    let said = identity.current?.certificatePem;
    renewer.onChange((next) => {
      if (next !== identity.current) identity.replace(next);
      if (next.certificatePem === said) return;
      said = next.certificatePem;
      const until = new Date(certificateFacts(next.certificatePem).notAfterMs).toISOString();
      log(`the manager's certificate is valid until ${until}`);
    });
    const look = () => this.#look(cluster);
    renewer.onChange(() => {
      // It may have been asked for before the cluster turned to yet another root.
      if (this.#lastWish.startsWith(ROTATION)) this.#lastWish = "";
      look();
    });
    this.#endWatch = cluster.watch([{ kind: "cluster" }, { kind: "node" }], look);
    renewer.start();
    look();
  }

  /** With another unlock key, or none. */
  async reseal(kek: Uint8Array | undefined): Promise<void> {
    await this.#options.store.reseal(kek);
    this.#isSealed = kek !== undefined;
  }

  /** Resolves when nothing is being written any more. */
  async stop(): Promise<void> {
    this.#endWatch();
    await this.#renewer?.stop();
  }

  async #first(): Promise<NodeCertificate> {
    const { nodeId, issue, clock } = this.#options;
    if (!issue) throw new ManagerStartError("this manager has no certificate, and nobody to ask for one");
    const { csrPem, keyPem } = makeCsr();
    let answer: CertificateAnswer;
    try {
      answer = await issue(csrPem);
    } catch (error) {
      const { details, message } = error as Error & { readonly details?: string };
      throw new ManagerStartError(`this manager gets no certificate: ${details ?? message}`);
    }
    return acceptCertificate({ keyPem, answer, expected: { nodeId, role: NodeRole.MANAGER }, nowMs: clock.now() });
  }

  /** Who has expired is not taken by others: the agent asks in its place. */
  async #renew(csrPem: string): Promise<CertificateAnswer> {
    const { renew, issue } = this.#options;
    try {
      return await renew(csrPem);
    } catch (error) {
      if (!issue) throw error;
      return await issue(csrPem);
    }
  }

  #look(store: Store): void {
    const { nodeId, log } = this.#options;
    const [cluster, node] = store.view((read) => [read.all("cluster")[0], read.get("node", nodeId)] as const);
    if (!cluster?.rootCa || !this.#renewer) return;
    this.#renewer.trust(trustedRoots(cluster.rootCa)).catch((error: Error) => {
      if (!(error instanceof CertificateFilesError))
        log(`the cluster's roots cannot be written down: ${error.message}`);
      else this.#wish(`roots ${cluster.rootCa?.caCertHash}`, `the cluster's roots have changed: ${error.message}`, log);
    });
    const wish = rotationWish(node, cluster, this.#renewer.current);
    if (wish !== undefined) this.#wish(wish, "the cluster asks for a new certificate of this manager", log);
  }

  /** Once, however often it is heard: what fails is tried again by the renewer. */
  #wish(wish: string, line: string, log: (line: string) => void): void {
    if (wish === this.#lastWish) return;
    this.#lastWish = wish;
    log(line);
    void this.#renewer?.renewNow();
  }
}

/** @returns what a new certificate is asked for by; undefined while none is */
function rotationWish(node: Node | undefined, { rootCa }: Cluster, current: NodeCertificate): string | undefined {
  const next = rootCa?.rootRotation?.caCert.toString();
  if (next) {
    const key = certificateFacts(next).publicKeyDer;
    return tlsInfoOf(current).certIssuerPublicKey.equals(key) ? undefined : `${ROTATION}${key.toString("base64")}`;
  }
  const record = node?.certificate;
  // Of the agent's certificate, and of this one with it.
  if (record?.status?.state !== Issuance.ROTATE) return undefined;
  return `rotate ${record.certificate.toString("base64")}`;
}
