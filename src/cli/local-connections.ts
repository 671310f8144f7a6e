import type { Connection } from "./connection.js";
import { nodeSocket, type Settings } from "./settings.js";

/** The connections of one run of tsctl, each opened once: what they take to load is loaded with the first. */
export class LocalConnections {
  #manager: Promise<Connection> | undefined;
  #node: Promise<Connection> | undefined;

  constructor(private readonly settings: Settings) {}

  manager(): Promise<Connection> {
    this.#manager ??= this.#openManager();
    return this.#manager;
  }

  /** @throws UsageError when the manager is not on this host */
  node(): Promise<Connection> {
    this.#node ??= this.#openNode();
    return this.#node;
  }

  close(): void {
    for (const connection of [this.#manager, this.#node]) {
      connection?.then(
        (one) => one.close(),
        () => undefined,
      );
    }
  }

  async #openManager(): Promise<Connection> {
    const { openConnection } = await import("./connection.js");
    const { socket, timeoutMs } = this.settings;
    if (socket.kind !== "unix") return openConnection(socket, timeoutMs);
    return openConnection(socket, timeoutMs, async () => {
      const { whyNoManager } = await import("./no-manager.js");
      return whyNoManager(await this.node());
    });
  }

  async #openNode(): Promise<Connection> {
    const { openConnection } = await import("./connection.js");
    return openConnection(nodeSocket(this.settings.socket), this.settings.timeoutMs);
  }
}
