/** An agent that has joined with a token, renews its certificate when it is told to, and says by whom it is signed. */
import type { Client, ClientReadableStream } from "@grpc/grpc-js";
import { callUnary, openChannel } from "../../../../src/api/client-call.js";
import { DispatcherService, type SessionMessage } from "../../../../src/api/generated/docker/swarmkit/v1/dispatcher.js";
import {
  IssuanceStatus_State as Issuance,
  NodeDescription,
  NodeRole,
  NodeTLSInfo,
} from "../../../../src/api/generated/docker/swarmkit/v1/types.js";
import { NodeIdentityService } from "../../../../src/api/generated/tswarm/v1/identity.js";
import type { CertificateAnswer } from "../../../../src/security/node-certificate/accept-certificate.js";
import { tlsInfoOf } from "../../../../src/security/node-certificate/tls-info.js";
import { makeCsr } from "../../../../src/security/pki/csr.js";
import { TlsIdentity, verifyingCredentials } from "../../../../src/security/tls/tls-identity.js";

const TIMEOUT_MS = 60_000;

export class RotatingAgent {
  readonly nodeId: string;
  readonly identity: TlsIdentity;
  /** It hears that it is to renew its certificate, and does not. */
  isDeaf = false;
  renewals = 0;
  /** The roots that it was told of last. */
  roots = "";
  failure: Error | undefined;
  /** What it says of its certificate; of its node's manager's where that is older. */
  tlsInfo = (): NodeTLSInfo => tlsInfoOf(this.identity.current!);
  readonly #address: string;
  readonly #clients: Client[] = [];
  #stream: ClientReadableStream<SessionMessage> | undefined;
  #sessionId = "";
  #told: NodeTLSInfo = NodeTLSInfo.fromPartial({});
  #renewing: Promise<void> | undefined;
  #isAsked = false;

  constructor(address: string, nodeId: string, identity: TlsIdentity) {
    this.#address = address;
    this.nodeId = nodeId;
    this.identity = identity;
  }

  /** @param rootPem what it fetched and checked by the token */
  static async join(address: string, token: string, rootPem: string): Promise<RotatingAgent> {
    const { csrPem, keyPem } = makeCsr();
    const client = openChannel(`dns:${address}`, verifyingCredentials(rootPem), true);
    try {
      const request = { token, csr: Buffer.from(csrPem), availability: 0 };
      const answer = await callUnary(client, NodeIdentityService.join, request, { timeoutMs: TIMEOUT_MS });
      const agent = new RotatingAgent(address, answer.nodeId, identityOf(textOf(answer), keyPem));
      await agent.begin();
      return agent;
    } finally {
      client.close();
    }
  }

  /** Another session; the one before ends. */
  async begin(): Promise<void> {
    const { session } = DispatcherService;
    this.#told = this.tlsInfo();
    const stream = this.#connect().makeServerStreamRequest(
      session.path,
      session.requestSerialize,
      session.responseDeserialize,
      {
        description: NodeDescription.fromPartial({ hostname: this.nodeId, tlsInfo: this.#told }),
        sessionId: "",
      },
    );
    const before = this.#stream;
    this.#stream = stream;
    before?.cancel();
    stream.on("error", (error: Error) => {
      if (this.#stream === stream) this.failure ??= error;
    });
    await new Promise<void>((resolve, reject) => {
      stream.on("data", (message: SessionMessage) => {
        if (this.#stream === stream) this.#hear(message);
        resolve();
      });
      stream.once("error", reject);
    });
  }

  /** Agents look from time to time whether what they say of themselves still holds. */
  async describe(): Promise<void> {
    if (!this.tlsInfo().certIssuerPublicKey.equals(this.#told.certIssuerPublicKey)) await this.begin();
  }

  /** A request over a connection of its own, with what the node has at this moment. */
  async request(): Promise<void> {
    const sessionId = this.#sessionId;
    const client = openChannel(`dns:${this.#address}`, this.identity.channelCredentials(), true);
    try {
      await callUnary(client, DispatcherService.heartbeat, { sessionId }, { timeoutMs: TIMEOUT_MS });
    } catch (error) {
      // It has begun another session meanwhile, with its new certificate.
      await this.settled();
      if (sessionId === this.#sessionId) throw error;
      await this.request();
    } finally {
      client.close();
    }
  }

  /** Hears again: what it was asked for counts. */
  listen(): void {
    this.isDeaf = false;
    if (this.#isAsked) this.#renew();
  }

  /** Resolves when it renews nothing. */
  async settled(): Promise<void> {
    while (this.#renewing) await this.#renewing;
  }

  stop(): void {
    const stream = this.#stream;
    this.#stream = undefined;
    stream?.cancel();
    for (const client of this.#clients.splice(0)) client.close();
  }

  #hear({ sessionId, node, RootCA: roots }: SessionMessage): void {
    this.#sessionId = sessionId;
    this.roots = roots.toString();
    const { current } = this.identity;
    if (this.roots !== "" && this.roots !== current!.rootPem) {
      this.identity.replace({ ...current!, rootPem: this.roots });
    }
    this.#isAsked = node?.certificate?.status?.state === Issuance.ROTATE;
    if (this.#isAsked && !this.isDeaf) this.#renew();
  }

  #renew(): void {
    this.#renewing ??= this.#replace()
      .catch((error: Error) => {
        this.failure ??= error;
      })
      .finally(() => {
        this.#renewing = undefined;
      });
  }

  async #replace(): Promise<void> {
    const { csrPem, keyPem } = makeCsr();
    const request = { role: NodeRole.WORKER, csr: Buffer.from(csrPem) };
    const answer = await callUnary(this.#connect(), NodeIdentityService.renew, request, { timeoutMs: TIMEOUT_MS });
    this.identity.replace(identityOf(textOf(answer), keyPem).current!);
    this.renewals++;
    await this.begin();
  }

  #connect(): Client {
    const client = openChannel(`dns:${this.#address}`, this.identity.channelCredentials(), true);
    this.#clients.push(client);
    return client;
  }
}

function textOf({ certificate, rootCa }: { readonly certificate: Buffer; readonly rootCa: Buffer }): CertificateAnswer {
  return { certificate: certificate.toString(), rootCa: rootCa.toString() };
}

function identityOf({ certificate, rootCa }: CertificateAnswer, keyPem: string): TlsIdentity {
  return new TlsIdentity({ certificatePem: certificate, keyPem, rootPem: rootCa });
}
