/** The nodes that take log subscriptions, each with the stream on which it hears of them. */
import type { SubscriptionMessage } from "../../api/generated/docker/swarmkit/v1/logbroker.js";
import type { ResponseStream } from "../../api/server-call.js";
import { aborted, resourceExhausted } from "../../api/status-error.js";

/** A node that does not read is no listener. */
const MAX_UNREAD = 10_000;

interface Listener {
  readonly stream: ResponseStream<SubscriptionMessage>;
  unread: number;
}

export class Listeners {
  readonly #listeners = new Map<string, Listener>();
  readonly #left: (nodeId: string) => void;

  /** @param left a node listens no more */
  constructor(left: (nodeId: string) => void) {
    this.#left = left;
  }

  has(nodeId: string): boolean {
    return this.#listeners.has(nodeId);
  }

  get count(): number {
    return this.#listeners.size;
  }

  /** The newest stream of a node counts. */
  add(nodeId: string, stream: ResponseStream<SubscriptionMessage>): void {
    const listener: Listener = { stream, unread: 0 };
    const before = this.#listeners.get(nodeId);
    this.#listeners.set(nodeId, listener);
    before?.stream.end(aborted("this node listens on another stream now"));
    if (before) this.#left(nodeId);
    stream.onDrain(() => {
      listener.unread = 0;
    });
    stream.onClose(() => {
      if (this.#listeners.get(nodeId) !== listener) return;
      this.#listeners.delete(nodeId);
      this.#left(nodeId);
    });
  }

  /** @returns false when the node does not listen */
  tell(nodeId: string, message: SubscriptionMessage): boolean {
    const listener = this.#listeners.get(nodeId);
    if (!listener) return false;
    listener.stream.send(message);
    if (listener.stream.blocked && ++listener.unread > MAX_UNREAD) {
      listener.stream.end(resourceExhausted("log subscriptions come faster than this node reads them: listen again"));
      return false;
    }
    return true;
  }

  end(reason: Error): void {
    for (const { stream } of [...this.#listeners.values()]) stream.end(reason);
  }
}
