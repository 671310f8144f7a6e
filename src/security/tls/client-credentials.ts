/** Channels to managers, verified: built anew at each connection from what is trusted and shown at that moment. */
import type { Socket } from "node:net";
import { checkServerIdentity, connect, type PeerCertificate, type SecureContext, type TLSSocket } from "node:tls";
import { CallCredentials, ChannelCredentials } from "@grpc/grpc-js";
import type { TicketCache } from "./ticket-cache.js";

/** The name that every manager's certificate carries, however the manager is reached. */
export const MANAGER_NAME = "swarm-manager";
const HANDSHAKE_TIMEOUT_MS = 10_000;

/** What one connection is made with. */
export interface ClientSide {
  readonly context: SecureContext;
  readonly tickets: TicketCache;
  /** The cluster's id: a manager of another is refused even when its root is trusted. */
  readonly organization: string | undefined;
}

type Connector = ReturnType<ChannelCredentials["_createSecureConnector"]>;
type ConnectorArguments = Parameters<ChannelCredentials["_createSecureConnector"]>;

export class VerifyingCredentials extends ChannelCredentials {
  readonly #side: () => ClientSide | undefined;

  /** @param side asked at each connection; undefined while there is nothing to verify managers with */
  constructor(side: () => ClientSide | undefined) {
    super();
    this.#side = side;
  }

  override _isSecure(): boolean {
    return true;
  }

  override _equals(other: ChannelCredentials): boolean {
    return this === other;
  }

  override _createSecureConnector(...[target, , calls]: ConnectorArguments): Connector {
    return {
      connect: async (socket) => {
        const side = this.#side();
        if (!side) throw new Error("this node has no certificate yet");
        return { socket: await secure(socket, side, target.path), secure: true };
      },
      waitForReady: () => Promise.resolve(),
      getCallCredentials: () => calls ?? CallCredentials.createEmpty(),
      destroy: () => undefined,
    };
  }
}

/** @param target where the socket leads; a ticket is used only where it came from */
function secure(socket: Socket, { context, tickets, organization }: ClientSide, target: string): Promise<TLSSocket> {
  const session = tickets.take(target);
  const secured = connect({
    socket,
    secureContext: context,
    servername: MANAGER_NAME,
    ALPNProtocols: ["h2"],
    checkServerIdentity: (name, certificate) =>
      checkServerIdentity(name, certificate) ?? foreignManager(certificate, organization),
    ...(session ? { session } : {}),
  });
  secured.on("session", (ticket) => tickets.keep(target, ticket));
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => secured.destroy(new Error("the TLS handshake took too long")), HANDSHAKE_TIMEOUT_MS);
    // Stays for as long as the socket: whoever uses it later learns of errors by its end.
    secured.on("error", (error) => {
      clearTimeout(timer);
      reject(error);
    });
    secured.once("close", () => {
      clearTimeout(timer);
      reject(new Error("the other side closed the connection during the TLS handshake"));
    });
    secured.once("secureConnect", () => {
      clearTimeout(timer);
      if (secured.authorized && secured.alpnProtocol === "h2") resolve(secured);
      else secured.destroy(secured.authorizationError ?? new Error("the other side does not speak HTTP/2"));
    });
  });
}

function foreignManager({ subject }: PeerCertificate, organization: string | undefined): Error | undefined {
  if (organization === undefined || subject.O === organization) return undefined;
  return new Error(`the manager there belongs to the cluster ${subject.O}, this node to ${organization}`);
}
