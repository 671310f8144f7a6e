/**
 * A gRPC channel that can be closed for good. grpc-js lets go of a connection only once it has come about, or has ended well: to a
 * host that takes connections and says nothing, each try would leave a socket behind.
 */
import type { Socket } from "node:net";
import { ChannelCredentials, type ChannelOptions, Client } from "@grpc/grpc-js";
import { CHANNEL_OPTIONS } from "../../api/transport-options.js";
import { grpcTarget } from "../../security/transport.js";

/** A connection of its own, dialled anew by whoever opens it. That the other side is gone is noticed above. */
const OPTIONS: ChannelOptions = {
  ...CHANNEL_OPTIONS,
  "grpc.use_local_subchannel_pool": 1,
  "grpc.enable_channelz": 0,
  // Servers of SwarmKit cut off whoever asks often without a call.
  "grpc.keepalive_permit_without_calls": 0,
};

export class PeerChannel {
  readonly client: Client;
  readonly #credentials: ClosableCredentials;

  /** @param address HOST:PORT */
  constructor(address: string, credentials: ChannelCredentials) {
    this.#credentials = new ClosableCredentials(credentials);
    this.client = new Client(grpcTarget(address), this.#credentials, OPTIONS);
  }

  /** At once, and whatever is under way. */
  close(): void {
    this.client.close();
    this.#credentials.close();
  }
}

type Connector = ReturnType<ChannelCredentials["_createSecureConnector"]>;
type ConnectorArguments = Parameters<ChannelCredentials["_createSecureConnector"]>;

/** Other credentials, which remember the sockets that they were asked to secure. */
class ClosableCredentials extends ChannelCredentials {
  readonly #inner: ChannelCredentials;
  readonly #sockets = new Set<Socket>();
  #isClosed = false;

  constructor(inner: ChannelCredentials) {
    super();
    this.#inner = inner;
  }

  close(): void {
    this.#isClosed = true;
    for (const socket of this.#sockets) socket.destroy();
  }

  override _isSecure(): boolean {
    return this.#inner._isSecure();
  }

  override _equals(other: ChannelCredentials): boolean {
    return this === other;
  }

  override _createSecureConnector(...parameters: ConnectorArguments): Connector {
    const connector = this.#inner._createSecureConnector(...parameters);
    return {
      connect: (socket) => {
        this.#remember(socket);
        return connector.connect(socket);
      },
      waitForReady: () => connector.waitForReady(),
      getCallCredentials: () => connector.getCallCredentials(),
      destroy: () => connector.destroy(),
    };
  }

  #remember(socket: Socket): void {
    // It took longer than anybody waited.
    if (this.#isClosed) {
      socket.destroy();
      throw new Error("the channel was closed");
    }
    this.#sockets.add(socket);
    socket.once("close", () => this.#sockets.delete(socket));
  }
}
