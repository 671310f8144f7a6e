/**
 * Who this process is to other nodes, and whom it trusts. Everything that listens or connects holds this object, never a certificate:
 * a renewed certificate, or new roots, count for every connection made from then on, and established ones go on.
 *
 * Tickets for session resumption end with each change: they are sealed under a key that belongs to one certificate and its roots.
 */
import { createPrivateKey, X509Certificate } from "node:crypto";
import { createSecureContext, type SecureContextOptions } from "node:tls";
import type { ChannelCredentials } from "@grpc/grpc-js";
import { type CertificateSubject, subjectOf } from "../../api/peer-certificate.js";
import type { NodeCertificate } from "../node-certificate/node-certificate.js";
import { type ClientSide, VerifyingCredentials } from "./client-credentials.js";
import { TicketCache } from "./ticket-cache.js";

/** TLS 1.2 is what SwarmKit's nodes may still offer. */
export const MIN_VERSION = "TLSv1.2";

interface Version {
  readonly certificate: NodeCertificate;
  readonly subject: CertificateSubject;
  readonly server: SecureContextOptions;
  readonly client: ClientSide;
}

export class TlsIdentity {
  #version: Version | undefined;
  readonly #listeners = new Set<() => void>();
  readonly #channelCredentials = new VerifyingCredentials(() => this.#version?.client);

  /** @throws Error as {@link replace} */
  constructor(initial?: NodeCertificate) {
    if (initial) this.replace(initial);
  }

  get current(): NodeCertificate | undefined {
    return this.#version?.certificate;
  }

  /** Whose certificate it is. */
  get subject(): CertificateSubject | undefined {
    return this.#version?.subject;
  }

  /** New connections use it; established ones go on. @throws Error when key, certificate and roots cannot be used; nothing has changed then */
  replace(next: NodeCertificate): void {
    this.#version = versionOf(next);
    for (const listener of [...this.#listeners]) listener();
  }

  /** @returns ends it */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** What a TLS server shows and trusts at present: see TlsDoor. */
  get serverContext(): SecureContextOptions | undefined {
    return this.#version?.server;
  }

  /** For connections to managers, which are verified by name, roots and cluster. */
  channelCredentials(): ChannelCredentials {
    return this.#channelCredentials;
  }
}

/** For a node that has the cluster's roots, and no certificate yet. */
export function verifyingCredentials(rootPem: string): ChannelCredentials {
  const context = createSecureContext({ ca: rootPem, minVersion: MIN_VERSION });
  const side = { context, tickets: new TicketCache(), organization: undefined };
  return new VerifyingCredentials(() => side);
}

function versionOf(certificate: NodeCertificate): Version {
  const { certificatePem, keyPem, rootPem } = certificate;
  const leaf = new X509Certificate(certificatePem);
  if (!leaf.checkPrivateKey(createPrivateKey(keyPem))) throw new Error("the key is not the certificate's");
  // Without a root TLS would trust those of the public web.
  const root = new X509Certificate(rootPem);
  if (!root.ca) throw new Error(`${root.subject.replaceAll("\n", ", ")} is no root: it may not sign certificates`);
  const server = { cert: certificatePem, key: keyPem, ca: rootPem, minVersion: MIN_VERSION } as const;
  const subject = subjectOf(leaf.toLegacyObject());
  const context = createSecureContext(server);
  const { organization } = subject;
  return { certificate, subject, server, client: { context, tickets: new TicketCache(), organization } };
}
