/**
 * One question to one upstream server over real sockets of the host's namespace. Every UDP question has a socket, and so a port, of
 * its own, connected so that only the asked server can answer.
 */
import { randomInt } from "node:crypto";
import dgram from "node:dgram";
import net from "node:net";
import type { Query } from "./query.js";
import type { Upstream } from "./resolv-conf.js";
import type { Transport } from "./resolver.js";
import { FrameReader, frame } from "./tcp-framing.js";
import { readUpstreamAnswer, type UpstreamAnswer, upstreamQuery } from "./upstream-message.js";

/** No answer: why. */
export interface NoAnswer {
  readonly failure: "timeout" | "unreachable";
  readonly detail: string;
}

/** Asks `server` once, and gives up after `timeoutMs`. */
export type Exchange = (
  query: Query,
  server: Upstream,
  transport: Transport,
  timeoutMs: number,
) => Promise<UpstreamAnswer | NoAnswer>;

export const exchange: Exchange = (query, server, transport, timeoutMs) => {
  const id = randomInt(0x10000);
  const message = upstreamQuery(query, id);
  const accept = (bytes: Buffer) => readUpstreamAnswer(bytes, query, id);
  return transport === "udp"
    ? overUdp(message, server, timeoutMs, accept)
    : overTcp(message, server, timeoutMs, accept);
};

type Accept = (bytes: Buffer) => UpstreamAnswer | undefined;

function overUdp(message: Buffer, server: Upstream, timeoutMs: number, accept: Accept) {
  return new Promise<UpstreamAnswer | NoAnswer>((settle) => {
    const socket = dgram.createSocket(net.isIPv6(server.address) ? "udp6" : "udp4");
    const end = (result: UpstreamAnswer | NoAnswer): void => {
      clearTimeout(timer);
      socket.removeAllListeners();
      socket.on("error", ignoreAfterEnd);
      socket.close();
      settle(result);
    };
    const timer = setTimeout(() => end(timedOut(server, timeoutMs)), timeoutMs);
    socket.on("error", (error) => end(unreachable(server, error)));
    // What does not fit the question is somebody's guess: the right answer may still come.
    socket.on("message", (bytes) => {
      const answer = accept(bytes);
      if (answer) end(answer);
    });
    socket.on("connect", () => socket.send(message));
    socket.connect(server.port, server.address);
  });
}

function overTcp(message: Buffer, server: Upstream, timeoutMs: number, accept: Accept) {
  return new Promise<UpstreamAnswer | NoAnswer>((settle) => {
    const reader = new FrameReader();
    const socket = net.connect({ host: server.address, port: server.port });
    const end = (result: UpstreamAnswer | NoAnswer): void => {
      clearTimeout(timer);
      socket.removeAllListeners();
      socket.on("error", ignoreAfterEnd);
      socket.destroy();
      settle(result);
    };
    const timer = setTimeout(() => end(timedOut(server, timeoutMs)), timeoutMs);
    socket.on("error", (error) => end(unreachable(server, error)));
    socket.on("close", () => end(unreachable(server, new Error("the connection was closed before an answer came"))));
    socket.on("connect", () => socket.write(frame(message)));
    socket.on("data", (chunk) => {
      const [first] = reader.push(chunk);
      if (!first) return;
      end(accept(first) ?? unreachable(server, new Error("the answer does not fit the question")));
    });
  });
}

/** The outcome stands; what a closing socket still reports concerns nobody. */
function ignoreAfterEnd(): void {}

function timedOut(server: Upstream, timeoutMs: number): NoAnswer {
  return { failure: "timeout", detail: `${server.address}: no answer within ${timeoutMs} ms` };
}

function unreachable(server: Upstream, error: Error): NoAnswer {
  return { failure: "unreachable", detail: `${server.address}: ${error.message}` };
}
