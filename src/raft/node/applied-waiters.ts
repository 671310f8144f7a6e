/** Who waits for this member's state to reach an index. */
import { timedOut } from "./errors.js";
import type { RaftError } from "./raft.js";

interface Waiter {
  readonly index: number;
  ticksLeft: number;
  resolve(): void;
  reject(error: RaftError): void;
}

export class AppliedWaiters {
  /** By index. */
  #waiters: Waiter[] = [];

  wait(index: number, timeoutTicks: number): Promise<void> {
    return new Promise((resolve, reject) => {
      let at = this.#waiters.length;
      while (at > 0 && this.#waiters[at - 1]!.index > index) at--;
      this.#waiters.splice(at, 0, { index, ticksLeft: timeoutTicks, resolve, reject });
    });
  }

  applied(index: number): void {
    let count = 0;
    while (count < this.#waiters.length && this.#waiters[count]!.index <= index) this.#waiters[count++]!.resolve();
    if (count > 0) this.#waiters.splice(0, count);
  }

  tick(): void {
    if (this.#waiters.length === 0) return;
    this.#waiters = this.#waiters.filter((waiter) => {
      if (--waiter.ticksLeft > 0) return true;
      waiter.reject(timedOut(`catching up with entry ${waiter.index}`));
      return false;
    });
  }

  end(reason: () => RaftError): void {
    for (const waiter of this.#waiters.splice(0)) waiter.reject(reason());
  }
}
