/** Questions and answers over TCP and UDP between namespaces: who answered, and whom it saw. */
import { once } from "node:events";
import type { Socket as TcpSocket } from "node:net";
import type { Namespace } from "../../../netns/namespace.js";
import { connectTcp, type LocalAddress, listenTcp, openUdpSocket } from "../../../netns/sockets.js";

/** Far beyond what any answer takes; a test that meets it fails. */
const SILENCE_MS = 15_000;

export interface Target {
  readonly address: string;
  readonly port: number;
}

/** Answers every message with `NAME CLIENT-ADDRESS`, over TCP and UDP. */
export async function serve(namespace: Namespace, name: string, port: number, address = "0.0.0.0"): Promise<Responder> {
  const open = new Set<TcpSocket>();
  const received: string[] = [];
  const tcp = await listenTcp(namespace, { address, port }, (connection) => {
    open.add(connection);
    connection.on("close", () => open.delete(connection));
    connection.on("error", () => connection.destroy());
    connection.on("data", () => connection.write(`${name} ${connection.remoteAddress}`));
  });
  const udp = await openUdpSocket(namespace, { address, port });
  udp.on("message", (message, sender) => {
    received.push(message.toString());
    udp.send(`${name} ${sender.address}`, sender.port, sender.address);
  });
  return {
    received,
    close() {
      for (const connection of open) connection.destroy();
      tcp.close();
      udp.close();
    },
  };
}

export interface Responder {
  /** UDP messages so far. */
  readonly received: readonly string[];
  close(): void;
}

/** @returns the answer, or the code of the error: `ECONNREFUSED`, `EHOSTUNREACH` … */
export async function askTcp(namespace: Namespace, to: Target, from?: LocalAddress): Promise<string> {
  const connection = openTcp(namespace, to, from);
  try {
    return await connection.ask();
  } finally {
    connection.close();
  }
}

export interface TcpConversation {
  ask(): Promise<string>;
  close(): void;
}

export function openTcp(namespace: Namespace, to: Target, from?: LocalAddress): TcpConversation {
  const connection = connectTcp(namespace, to, from);
  const failed = new Promise<string>((resolve) => {
    connection.on("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
  });
  return {
    async ask() {
      const answer = once(connection, "data").then(
        ([data]) => String(data),
        (error: NodeJS.ErrnoException) => error.code ?? error.message,
      );
      connection.write("?");
      return withinSilence(Promise.race([answer, failed]));
    },
    close: () => connection.destroy(),
  };
}

/** @returns the answer, or the code of the error that an ICMP message brought */
export async function askUdp(namespace: Namespace, to: Target, from?: LocalAddress): Promise<string> {
  const socket = await openUdpSocket(
    namespace,
    from ?? { address: to.address.includes(":") ? "::" : "0.0.0.0", port: 0 },
  );
  try {
    socket.connect(to.port, to.address);
    await once(socket, "connect");
    const outcome = new Promise<string>((resolve) => {
      socket.on("message", (message) => resolve(message.toString()));
      socket.on("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    });
    socket.send("?");
    return await withinSilence(outcome);
  } finally {
    socket.close();
  }
}

/**
 * Sends one message to each port, in this order, from one socket, and waits for an answer from the last.
 * @returns when it came: what was sent before it has arrived by then, or never will
 */
export async function sendInOrder(namespace: Namespace, address: string, ports: readonly number[]): Promise<void> {
  const socket = await openUdpSocket(namespace, { address: "0.0.0.0", port: 0 });
  try {
    const last = ports.at(-1);
    const answered = new Promise<string>((resolve) => {
      socket.on("message", (message, sender) => {
        if (sender.port === last) resolve(message.toString());
      });
    });
    for (const port of ports) socket.send(`to ${port}`, port, address, () => undefined);
    const outcome = await withinSilence(answered);
    if (outcome === "silence") throw new Error(`no answer from ${address}:${last}`);
  } finally {
    socket.close();
  }
}

async function withinSilence(outcome: Promise<string>): Promise<string> {
  let timer: NodeJS.Timeout | undefined;
  const silence = new Promise<string>((resolve) => {
    timer = setTimeout(() => resolve("silence"), SILENCE_MS);
  });
  try {
    return await Promise.race([outcome, silence]);
  } finally {
    clearTimeout(timer);
  }
}
