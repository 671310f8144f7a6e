/** A client stream written as fast as the other side takes it, which fails when nothing moves. */

import type { Client, ClientWritableStream, ServiceError } from "@grpc/grpc-js";
import { unavailable } from "../../api/status-error.js";
import type { TransportClock } from "./limits.js";
import { asBytes } from "./raw-bytes.js";

export class Upload {
  readonly #stream: ClientWritableStream<Buffer>;
  readonly #clock: TransportClock;
  readonly #stallMs: number;
  #answer: { readonly error: Error | undefined } | undefined;
  #waiting: { resolve(): void; reject(error: Error): void; readonly isForAnswer: boolean } | undefined;
  #stopTimer: () => void = () => {};

  /** @param stallMs how long one message, and the answer, may take */
  constructor(client: Client, path: string, clock: TransportClock, stallMs: number) {
    this.#clock = clock;
    this.#stallMs = stallMs;
    this.#stream = client.makeClientStreamRequest(path, asBytes, asBytes, (error: ServiceError | null) =>
      this.#answered(error ?? undefined),
    );
    // Each error comes as the answer too.
    this.#stream.on("error", (error: Error) => this.#answered(error));
  }

  /** The other side wants no more. */
  get isAnswered(): boolean {
    return this.#answer !== undefined;
  }

  /** Resolves when the stream has taken the message. @throws ServiceError when the other side refuses, or nothing moves */
  write(bytes: Buffer): Promise<void> {
    return this.#wait(false, () => this.#stream.write(bytes, () => this.#proceed()));
  }

  /** Ends the stream. Resolves when the other side has answered well. @throws ServiceError */
  finish(): Promise<void> {
    return this.#wait(true, () => this.#stream.end());
  }

  cancel(reason: Error): void {
    this.#answered(reason);
    this.#stream.cancel();
  }

  #wait(isForAnswer: boolean, begin: () => void): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject, isForAnswer };
      this.#stopTimer = this.#clock.after(this.#stallMs, () =>
        this.cancel(unavailable(`nothing moved for ${this.#stallMs} ms`)),
      );
      if (this.#answer) this.#proceed();
      else begin();
    });
  }

  #answered(error: Error | undefined): void {
    this.#answer ??= { error };
    this.#proceed();
  }

  #proceed(): void {
    const waiting = this.#waiting;
    if (!waiting || (waiting.isForAnswer && !this.#answer)) return;
    this.#waiting = undefined;
    this.#stopTimer();
    if (this.#answer?.error) waiting.reject(this.#answer.error);
    else waiting.resolve();
  }
}
