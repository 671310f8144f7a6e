/** One client's TCP connection (half-open ones too): queries in, answers out, in any order (RFC 7766 §6.2.1.1), within limits. */
import type { Socket } from "node:net";
import { FrameReader, frame } from "./tcp-framing.js";

export interface TcpConnectionOptions {
  /** @returns the answer; undefined for a query that gets none. Never rejects */
  readonly answer: (query: Buffer) => Buffer | Promise<Buffer> | undefined;
  readonly idleTimeoutMs: number;
  /** Queries of the connection that may wait for upstream at once; until one is answered no more is read. */
  readonly maxOutstanding: number;
  readonly onError: (error: Error) => void;
}

export function serveTcpConnection(socket: Socket, options: TcpConnectionOptions): void {
  const reader = new FrameReader();
  const queue: Buffer[] = [];
  let outstanding = 0;
  let ended = false;
  socket.setNoDelay(true);
  socket.setTimeout(options.idleTimeoutMs, () => socket.destroy());
  socket.on("error", (error: NodeJS.ErrnoException) => {
    // A client that leaves in the middle is no fault of the resolver.
    if (error.code !== "ECONNRESET" && error.code !== "EPIPE") options.onError(error);
  });
  const full = () => outstanding >= options.maxOutstanding || socket.writableNeedDrain;
  const send = (response: Buffer): void => {
    if (socket.writable) socket.write(frame(response));
  };
  const work = (): void => {
    while (queue.length > 0 && !full()) {
      const response = options.answer(queue.shift()!);
      if (response === undefined) continue;
      if (!(response instanceof Promise)) {
        send(response);
        continue;
      }
      outstanding++;
      void response.then((later) => {
        outstanding--;
        send(later);
        work();
      });
    }
    if (queue.length > 0) socket.pause();
    else if (socket.isPaused()) socket.resume();
    if (ended && queue.length === 0 && outstanding === 0) socket.end();
  };
  // A client may close its side behind its last query; it still gets its answers.
  socket.on("end", () => {
    ended = true;
    work();
  });
  socket.on("drain", work);
  socket.on("data", (chunk) => {
    queue.push(...reader.push(chunk));
    work();
  });
}
