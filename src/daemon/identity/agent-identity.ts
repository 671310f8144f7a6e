/** Who the agent is to the managers: a worker's certificate, always, kept valid; and what it can ask for in its node's name. */
import type { Node } from "../../api/generated/docker/swarmkit/v1/objects.js";
import { IssuanceStatus_State as Issuance, NodeRole } from "../../api/generated/docker/swarmkit/v1/types.js";
import { CertificateFilesError } from "../../security/node-certificate/certificate-files-error.js";
import { CertificateRenewer, type RenewerClock } from "../../security/node-certificate/certificate-renewer.js";
import type { CertificateStore } from "../../security/node-certificate/certificate-store.js";
import type { NodeCertificate } from "../../security/node-certificate/node-certificate.js";
import { certificateFacts } from "../../security/pki/certificate-facts.js";
import { TlsIdentity } from "../../security/tls/tls-identity.js";
import { trustingCredentials } from "../../security/transport.js";
import { type IssuedCertificate, type RenewalDoor, renewCertificate } from "./renew-certificate.js";

export interface AgentIdentityOptions {
  readonly store: CertificateStore;
  /** The control socket of this node's own manager, while that answers. */
  readonly localManager: () => string | undefined;
  /** Of managers, "HOST:PORT", those that fit best first. */
  readonly managers: () => readonly string[];
  readonly clock: RenewerClock;
  readonly random: () => number;
  readonly log: (line: string) => void;
}

export const systemRenewerClock: RenewerClock = {
  now: Date.now,
  after: (delayMs, action) => {
    const timer = setTimeout(action, delayMs).unref();
    return () => clearTimeout(timer);
  },
};

export class AgentIdentity {
  readonly tls: TlsIdentity;
  readonly #options: AgentIdentityOptions;
  readonly #renewer: CertificateRenewer;
  #lastRotation = "";

  /** @param certificate what the store holds */
  constructor(certificate: NodeCertificate, options: AgentIdentityOptions) {
    this.#options = options;
    this.tls = new TlsIdentity(certificate);
    this.#renewer = new CertificateRenewer({
      store: options.store,
      certificate,
      request: async (csrPem) => {
        const issued = await this.#ask(NodeRole.WORKER, Buffer.from(csrPem));
        return { certificate: issued.certificate.toString(), rootCa: issued.rootCa.toString() };
      },
      clock: options.clock,
      random: options.random,
      onFailure: (error, retryInMs) => {
        const line = `${this.problem ?? "this node's certificate was not renewed"}: ${(error as Error).message}`;
        options.log(`${line}; next try in ${Math.round(retryInMs / 1000)} s`);
      },
    });
    this.#renewer.onChange((next) => {
      const isSame = next.certificatePem === this.tls.current?.certificatePem;
      this.tls.replace(next);
      const until = new Date(this.expiresAtMs).toISOString();
      options.log(isSame ? "the cluster trusts other roots" : `this node's certificate is valid until ${until}`);
    });
  }

  /** Begins to renew. */
  start(): void {
    if (this.problem) this.#options.log(this.problem);
    this.#renewer.start();
  }

  stop(): Promise<void> {
    return this.#renewer.stop();
  }

  get certificate(): NodeCertificate {
    return this.#renewer.current;
  }

  get clusterId(): string {
    return certificateFacts(this.certificate.certificatePem).subject.organization ?? "";
  }

  get expiresAtMs(): number {
    return certificateFacts(this.certificate.certificatePem).notAfterMs;
  }

  /** What keeps the managers from talking to this node, and what to do; undefined while all is well. */
  get problem(): string | undefined {
    const { expiresAtMs } = this;
    if (expiresAtMs > this.#options.clock.now()) return undefined;
    const since = new Date(expiresAtMs).toISOString();
    return `this node's certificate has expired (${since}): managers refuse it. A manager of this node renews it once it is unlocked and has a leader; where there is none: "tsctl leave", then join again with a token`;
  }

  /** What the cluster says of this node. */
  onNode({ id, certificate }: Node): void {
    if (certificate?.status?.state !== Issuance.ROTATE) return;
    // One wish, however often it is heard; a next one comes with another certificate.
    const rotation = `${id} ${certificate.certificate.toString("base64")}`;
    if (rotation === this.#lastRotation) return;
    this.#lastRotation = rotation;
    this.#options.log("the cluster asks for a new certificate of this node");
    void this.#renewer.renewNow();
  }

  /** The roots that the cluster trusts by now. */
  onRoots(rootPem: string): void {
    this.#renewer.trust(rootPem).catch((error: unknown) => {
      if (!(error instanceof CertificateFilesError)) throw error;
      // Signed by a root that is not trusted any more: another certificate is the way on.
      this.#options.log(`the cluster's roots have changed: ${error.message}`);
      void this.#renewer.renewNow();
    });
  }

  /** For the manager of this node, which has none yet. @throws StatusError */
  issueManagerCertificate(csr: Buffer): Promise<IssuedCertificate> {
    return this.#ask(NodeRole.MANAGER, csr);
  }

  #ask(role: NodeRole, csr: Buffer): Promise<IssuedCertificate> {
    const { certificatePem, rootPem } = this.certificate;
    const nodeId = certificateFacts(certificatePem).subject.commonName ?? "";
    return renewCertificate(this.#doors(), { role, csr }, { nodeId, rootPem });
  }

  /** The own manager takes the word of whoever may open its socket: also of one whose certificate has expired. */
  #doors(): readonly RenewalDoor[] {
    const socket = this.#options.localManager();
    const local = socket === undefined ? [] : [{ address: socket, credentials: trustingCredentials() }];
    const credentials = this.tls.channelCredentials();
    return [...local, ...this.#options.managers().map((address) => ({ address, credentials }))];
  }
}
