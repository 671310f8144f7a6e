/** Writes a task's secrets and configs into the FIFO that its set-up reads. */
import { closeSync, constants, openSync } from "node:fs";
import { Socket } from "node:net";

export class PayloadFeed {
  readonly #socket: Socket;

  /** Opens the FIFO, so that the set-up finds it held, and begins to write. */
  constructor(path: string, data: readonly Uint8Array[]) {
    const fd = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
    this.#socket = new Socket({ fd, readable: false });
    // The set-up notices what is missing, and says so.
    this.#socket.on("error", () => this.#socket.destroy());
    for (const bytes of data) this.#socket.write(bytes);
  }

  /** Whoever still reads has come to the end. */
  close(): void {
    this.#socket.destroy();
  }

  /** Brings whoever waits for the data of an agent that is gone to the end. */
  static hangUp(path: string): void {
    closeSync(openSync(path, constants.O_RDWR | constants.O_NONBLOCK));
  }
}
