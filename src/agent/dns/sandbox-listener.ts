/** The resolver's ears in one sandbox: a UDP socket and a TCP server at 127.0.0.11, opened inside its network namespace. */
import type { Socket as UdpSocket } from "node:dgram";
import { closeSync, openSync } from "node:fs";
import type { Server, Socket as TcpSocket } from "node:net";
import { listenTcp, openUdpSocket } from "../../../netns/index.js";
import { DNS_PORT, RESOLVER_ADDRESS } from "./port.js";
import type { Transport } from "./resolver.js";
import { serveTcpConnection } from "./tcp-connection.js";

export interface SandboxListenerOptions {
  readonly namespacePath: string;
  /** @returns the answer; undefined for a packet that gets none. Never rejects */
  readonly answer: (query: Buffer, transport: Transport) => Buffer | Promise<Buffer> | undefined;
  readonly maxTcpConnections: number;
  readonly tcpIdleTimeoutMs: number;
  readonly maxOutstandingPerConnection: number;
  readonly onError: (what: string, error: Error) => void;
}

const LISTEN_AT = { address: RESOLVER_ADDRESS, port: DNS_PORT };

export class SandboxListener {
  readonly #udp: UdpSocket;
  readonly #tcp: Server;
  readonly #connections: Set<TcpSocket>;

  private constructor(udp: UdpSocket, tcp: Server, connections: Set<TcpSocket>) {
    this.#udp = udp;
    this.#tcp = tcp;
    this.#connections = connections;
  }

  /** @throws SystemCallError when the namespace cannot be entered or the port is taken; then nothing stays open */
  static async open(options: SandboxListenerOptions): Promise<SandboxListener> {
    const namespace = openSync(options.namespacePath, "r");
    try {
      const udp = await openUdpSocket(namespace, LISTEN_AT);
      try {
        serveUdp(udp, options);
        const connections = new Set<TcpSocket>();
        const tcp = await listenTcp(namespace, LISTEN_AT, (socket) => acceptTcp(socket, connections, options), {
          allowHalfOpen: true,
        });
        tcp.maxConnections = options.maxTcpConnections;
        tcp.on("error", (error) => options.onError("TCP", error));
        return new SandboxListener(udp, tcp, connections);
      } catch (error) {
        udp.close();
        throw error;
      }
    } finally {
      closeSync(namespace);
    }
  }

  get tcpConnections(): number {
    return this.#connections.size;
  }

  /** Resolves when both sockets are closed, which frees the namespace. */
  async close(): Promise<void> {
    for (const connection of this.#connections) connection.destroy();
    await Promise.all([
      new Promise<void>((closed) => this.#udp.close(() => closed())),
      new Promise<void>((closed) => this.#tcp.close(() => closed())),
    ]);
  }
}

function serveUdp(udp: UdpSocket, options: SandboxListenerOptions): void {
  const report = (error: Error | null): void => {
    if (error) options.onError("UDP", error);
  };
  let open = true;
  udp.on("close", () => {
    open = false;
  });
  udp.on("error", report);
  udp.on("message", (query, client) => {
    const response = options.answer(query, "udp");
    if (response === undefined) return;
    if (!(response instanceof Promise)) {
      udp.send(response, client.port, client.address, report);
      return;
    }
    void response.then((later) => {
      if (open) udp.send(later, client.port, client.address, report);
    });
  });
}

function acceptTcp(socket: TcpSocket, connections: Set<TcpSocket>, options: SandboxListenerOptions): void {
  connections.add(socket);
  socket.on("close", () => connections.delete(socket));
  serveTcpConnection(socket, {
    answer: (query) => options.answer(query, "tcp"),
    idleTimeoutMs: options.tcpIdleTimeoutMs,
    maxOutstanding: options.maxOutstandingPerConnection,
    onError: (error) => options.onError("TCP", error),
  });
}
