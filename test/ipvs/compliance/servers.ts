/** Servers that answer with their name and the client's address: `web-1 10.77.0.9`. */
import type { Socket } from "node:net";
import { listenTcp, type Namespace, openUdpSocket } from "../../../netns/index.js";

export interface Server {
  close(): Promise<void>;
}

interface Place {
  readonly name: string;
  readonly address: string;
  readonly namespace: Namespace;
}

/** Greets with one line, then answers every line with `NAME: LINE`. */
export async function serveTcp({ name, address, namespace }: Place, port: number): Promise<Server> {
  const connections = new Set<Socket>();
  const server = await listenTcp(namespace, { address: anyAddress(address), port }, (connection) => {
    connections.add(connection);
    connection.setNoDelay(true);
    connection.on("close", () => connections.delete(connection));
    // A test may cut the connection at any moment; the client's side tells the outcome.
    connection.on("error", () => connection.destroy());
    connection.write(`${name} ${connection.remoteAddress}\n`);
    connection.setEncoding("utf8");
    connection.on("data", (text: string) => connection.write(`${name}: ${text.trimEnd()}\n`));
  });
  return {
    close: () =>
      new Promise((resolve) => {
        for (const connection of connections) connection.destroy();
        server.close(() => resolve());
      }),
  };
}

/** Answers every datagram with one. */
export async function serveUdp({ name, address: own, namespace }: Place, port: number): Promise<Server> {
  const socket = await openUdpSocket(namespace, { address: anyAddress(own), port });
  socket.on("message", (_, { address, port: from }) => socket.send(`${name} ${address}`, from, address));
  // An answer to a client that is gone comes back as ECONNREFUSED.
  socket.on("error", () => undefined);
  return { close: () => new Promise((resolve) => socket.close(() => resolve())) };
}

/** What a socket of the address's family binds to. */
export function anyAddress(address: string): string {
  return address.includes(":") ? "::" : "0.0.0.0";
}
