/**
 * A port that nodes connect to. A connection goes in here with its TLS handshake done, its certificate verified and its place counted, or
 * not at all. Asking for a certificate without demanding one is the only way to let those in who are to get their first; whoever shows one
 * that does not verify is not taken for one of those.
 */
import { createServer, type Server, type Socket } from "node:net";
import {
  createServer as createTlsServer,
  type PeerCertificate,
  type TLSSocket,
  type Server as TlsServer,
} from "node:tls";
import { type CertificateSubject, subjectOf } from "../../api/peer-certificate.js";
import { Turnstile } from "../turnstile.js";
import {
  type Admitted,
  ConnectionGate,
  type ConnectionLimits,
  DEFAULT_CONNECTION_LIMITS,
  type Limit,
} from "./connection-gate.js";
import type { TlsIdentity } from "./tls-identity.js";

export interface DoorTimes {
  /** From the first byte to the last of the handshake, however it trickles in. */
  readonly handshakeMs: number;
  /** So long a connection without a certificate may last, whatever it does. */
  readonly anonymousMs: number;
  /** How long a client may resume a session without the handshake's signatures. */
  readonly ticketMs: number;
}

export const DEFAULT_DOOR_TIMES: DoorTimes = { handshakeMs: 10_000, anonymousMs: 60_000, ticketMs: 3_600_000 };

/** Why a connection was not let in. */
export type Refusal = Limit | "handshake" | "handshakeTimeout" | "certificate" | "protocol" | "noIdentity";

export interface TlsDoorOptions {
  readonly identity: TlsIdentity;
  /** A connection that was let in. @param certificate of a verified peer */
  readonly enter: (socket: TLSSocket, certificate: CertificateSubject | undefined) => void;
  readonly limits?: Partial<ConnectionLimits>;
  readonly times?: Partial<DoorTimes>;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
  readonly log: (line: string) => void;
}

interface Connection extends Admitted {
  readonly raw: Socket;
  readonly stopTimer: () => void;
  certificate?: CertificateSubject;
}

const LOG_INTERVAL_MS = 10_000;
/** A handshake, and what follows from one, hold the event loop for some milliseconds: heartbeats of the log must get through between them. */
const HANDSHAKES_PER_TURN = 2;

export class TlsDoor {
  readonly #options: TlsDoorOptions;
  readonly #times: DoorTimes;
  readonly #gate: ConnectionGate;
  readonly #listener: Server;
  readonly #tls: TlsServer;
  readonly #connections = new Map<string, Connection>();
  readonly #refusals = new Map<Refusal, number>();
  readonly #logged = new Map<Refusal, number>();
  readonly #now: () => number;
  readonly #endChanges: () => void;
  readonly #turnstile = new Turnstile<Socket>(HANDSHAKES_PER_TURN, (raw) => {
    if (!raw.destroyed) this.#tls.emit("connection", raw);
  });

  constructor(options: TlsDoorOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
    this.#times = { ...DEFAULT_DOOR_TIMES, ...options.times };
    this.#gate = new ConnectionGate({ ...DEFAULT_CONNECTION_LIMITS, ...options.limits });
    this.#listener = createServer({ noDelay: true, pauseOnConnect: false }, (raw) => this.#accept(raw));
    const { identity } = options;
    this.#tls = createTlsServer({
      ...identity.serverContext,
      requestCert: true,
      rejectUnauthorized: false,
      ALPNProtocols: ["h2"],
      sessionTimeout: Math.ceil(this.#times.ticketMs / 1000),
    });
    this.#endChanges = identity.onChange(() => this.#tls.setSecureContext(this.#context()));
    this.#tls.on("secureConnection", (socket) => this.#secured(socket));
    this.#tls.on("tlsClientError", (error, socket) => {
      this.#refuse("handshake", socket.remoteAddress, (error as Error).message);
      socket.destroy();
    });
  }

  /** @returns the port @throws Error of the system, with its code */
  listen(host: string, port: number): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#listener.once("error", reject);
      this.#listener.listen({ host, port, backlog: 4096 }, () => {
        this.#listener.off("error", reject);
        resolve((this.#listener.address() as { port: number }).port);
      });
    });
  }

  /** Nobody comes in any more; who is in stays. */
  stopListening(): void {
    this.#listener.close();
  }

  /** Ends every connection at once. */
  close(): void {
    this.#endChanges();
    this.#listener.close();
    for (const { raw } of [...this.#connections.values()]) raw.destroy();
  }

  /** Ends the connections of whom this says so. */
  expel(isOut: (certificate: CertificateSubject) => boolean): void {
    for (const { raw, certificate } of [...this.#connections.values()]) {
      if (certificate && isOut(certificate)) raw.destroy();
    }
  }

  /** Connections at present, and how many were not let in so far. */
  get counts() {
    return { ...this.#gate.counts, refused: Object.fromEntries(this.#refusals) as Partial<Record<Refusal, number>> };
  }

  #context() {
    return { ...this.#options.identity.serverContext, sessionTimeout: Math.ceil(this.#times.ticketMs / 1000) };
  }

  #accept(raw: Socket): void {
    const peer = raw.remoteAddress;
    // It has gone already.
    if (peer === undefined) {
      raw.destroy();
      return;
    }
    if (!this.#options.identity.current) {
      this.#refuse("noIdentity", peer);
      raw.destroy();
      return;
    }
    const admitted = this.#gate.open(peer);
    if (typeof admitted === "string") {
      this.#refuse(admitted, peer);
      raw.destroy();
      return;
    }
    const key = keyOf(raw);
    const timer = setTimeout(() => {
      this.#refuse("handshakeTimeout", peer);
      raw.destroy();
    }, this.#times.handshakeMs);
    const connection: Connection = { ...admitted, raw, stopTimer: () => clearTimeout(timer) };
    this.#connections.set(key, connection);
    raw.once("close", () => {
      connection.stopTimer();
      this.#gate.closed(connection);
      this.#connections.delete(key);
    });
    // While it waits nobody else listens.
    raw.on("error", () => raw.destroy());
    this.#turnstile.enter(raw);
  }

  #secured(socket: TLSSocket): void {
    // Whoever uses the socket learns of its end; an error that nobody listens to would end the process.
    socket.on("error", () => socket.destroy());
    const connection = this.#connections.get(keyOf(socket));
    if (!connection) {
      socket.destroy();
      return;
    }
    connection.stopTimer();
    const peer = socket.remoteAddress;
    const shown = socket.getPeerCertificate() as PeerCertificate | undefined;
    const certificate = shown?.raw ? shown : undefined;
    const problem = certificate && this.#problemOf(socket, certificate);
    if (problem) {
      this.#refuse("certificate", peer, problem);
      connection.raw.destroy();
      return;
    }
    if (socket.alpnProtocol !== "h2") {
      this.#refuse("protocol", peer);
      connection.raw.destroy();
      return;
    }
    const subject = certificate && subjectOf(certificate);
    const limit = this.#gate.verified(connection, subject?.nodeId);
    if (limit) {
      this.#refuse(limit, subject?.nodeId ?? peer);
      connection.raw.destroy();
      return;
    }
    if (subject) connection.certificate = subject;
    else this.#endAfter(connection, this.#times.anonymousMs);
    if (certificate) rememberCertificate(socket, certificate);
    this.#options.enter(socket, subject);
  }

  /** A resumed session brings the certificate that was verified when it began, and is looked at again. */
  #problemOf(socket: TLSSocket, { valid_from, valid_to }: PeerCertificate): string | undefined {
    if (!socket.authorized) return `it does not verify: ${String(socket.authorizationError)}`;
    const now = this.#now();
    if (!(now <= Date.parse(valid_to))) return `it expired on ${valid_to}`;
    if (!(now >= Date.parse(valid_from))) return `it is not valid before ${valid_from}`;
    return undefined;
  }

  #endAfter({ raw }: Connection, ms: number): void {
    const timer = setTimeout(() => raw.destroy(), ms);
    raw.once("close", () => clearTimeout(timer));
  }

  /** Counted always, said now and then. */
  #refuse(refusal: Refusal, who: string | undefined, why?: string): void {
    const count = (this.#refusals.get(refusal) ?? 0) + 1;
    this.#refusals.set(refusal, count);
    const now = performance.now();
    const last = this.#logged.get(refusal);
    if (last !== undefined && now - last < LOG_INTERVAL_MS) return;
    this.#logged.set(refusal, now);
    this.#options.log(
      `a connection from ${who ?? "somewhere"} was refused (${refusal}${why ? `: ${why}` : ""}; ${count} so far)`,
    );
  }
}

/** Of a connection on both ends: no two that are open have the same. */
function keyOf({ remoteAddress, remotePort, localAddress, localPort }: Socket): string {
  return `${remoteAddress} ${remotePort} ${localAddress} ${localPort}`;
}

/** gRPC asks the socket for it at each call, and reading a certificate costs more than many a call. */
function rememberCertificate(socket: TLSSocket, certificate: PeerCertificate): void {
  socket.getPeerCertificate = (() => certificate) as TLSSocket["getPeerCertificate"];
}
