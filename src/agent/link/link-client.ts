/** Holds the link to a manager open: dials, feeds the directory, dials again with growing pauses. */
import type { ClientDuplexStream } from "@grpc/grpc-js";
import type { AgentMessage, ManagerMessage } from "../../api/generated/tswarm/v1/link.js";
import type { RelayDirectory } from "./relay-directory.js";

export interface LinkClientOptions {
  readonly directory: RelayDirectory;
  /** Opens a stream to some manager. */
  readonly open: () => ClientDuplexStream<AgentMessage, ManagerMessage>;
  readonly random: () => number;
  readonly log: (line: string) => void;
}

const FIRST_PAUSE_MS = 100;
const LAST_PAUSE_MS = 8000;

export class LinkClient {
  readonly #options: LinkClientOptions;
  #stream: ClientDuplexStream<AgentMessage, ManagerMessage> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #pauseMs = FIRST_PAUSE_MS;
  #stopped = false;

  constructor(options: LinkClientOptions) {
    this.#options = options;
  }

  start(): void {
    this.#dial();
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
    this.#options.directory.linkDown();
    this.#stream?.cancel();
  }

  #dial(): void {
    const { directory, open, log } = this.#options;
    const stream = open();
    this.#stream = stream;
    let ended = false;
    let answered = false;
    const end = (reason: string) => {
      if (ended) return;
      ended = true;
      if (this.#stopped) return;
      // A manager that is away is tried again and again: one line for a link that stood is enough.
      if (answered) log(`the link to the manager broke: ${reason}`);
      directory.linkDown();
      stream.cancel();
      this.#redial();
    };
    stream.on("data", (message: ManagerMessage) => {
      answered = true;
      this.#pauseMs = FIRST_PAUSE_MS;
      directory.received(message);
    });
    stream.on("error", (error: Error) => end(error.message));
    stream.on("end", () => end("closed by the manager"));
    directory.linkUp({ send: (message) => stream.write(message) });
  }

  #redial(): void {
    const pauseMs = this.#pauseMs * (0.5 + this.#options.random() / 2);
    this.#pauseMs = Math.min(this.#pauseMs * 2, LAST_PAUSE_MS);
    this.#timer = setTimeout(() => this.#dial(), pauseMs);
  }
}
