/**
 * A FIFO whose write end the task's supervisor holds as long as it lives. It tells at once, without a timer, that a task
 * has ended, however it ended and whoever started it: also an agent that came later only has to open it.
 */
import { closeSync, constants, openSync, readSync } from "node:fs";
import { Socket } from "node:net";

export class Lifeline {
  /** Resolves when nothing holds the write end any more. */
  readonly ended: Promise<void>;
  /** Resolves when the supervisor says that the command runs now; never when it ends before. */
  readonly started: Promise<void>;
  readonly #socket: Socket;
  #released = false;

  private constructor(fd: number) {
    this.#socket = new Socket({ fd, readable: true, writable: false });
    this.started = new Promise((resolve) => this.#socket.once("data", () => resolve()));
    this.ended = new Promise((resolve, reject) => {
      this.#socket.once("error", reject);
      this.#socket.once("close", () => {
        if (!this.#released) resolve();
      });
    });
    this.#socket.resume();
  }

  /** Stops watching; {@link ended} then never resolves. */
  release(): void {
    this.#released = true;
    this.#socket.destroy();
  }

  /** @returns undefined when nobody holds the other end, or when there is no such FIFO: the task does not run */
  static attach(path: string): Lifeline | undefined {
    const fd = openUnlessGone(path);
    if (fd === undefined) return undefined;
    if (isHeld(fd)) return new Lifeline(fd);
    closeSync(fd);
    return undefined;
  }

  /**
   * Opens both ends.
   * @returns the watching end, and a descriptor of the other one to hand to the supervisor; the caller closes it
   */
  static create(path: string): { readonly lifeline: Lifeline; readonly fd: number } {
    const fd = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
    try {
      return { lifeline: new Lifeline(openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)), fd };
    } catch (error) {
      closeSync(fd);
      throw error;
    }
  }
}

function openUnlessGone(path: string): number | undefined {
  try {
    return openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

/** Reading from a FIFO with no writer gives end of file, with a silent one EAGAIN. */
function isHeld(fd: number): boolean {
  try {
    return readSync(fd, Buffer.alloc(1)) > 0;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EAGAIN") return true;
    throw error;
  }
}
