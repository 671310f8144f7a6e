/** Holds the link to some manager open: dials, feeds the directory, dials the next one when it breaks. */
import type { ClientDuplexStream } from "@grpc/grpc-js";
import type { AgentMessage, ManagerMessage } from "../../api/generated/tswarm/v1/link.js";
import type { ManagerFailure } from "../session/manager-choice.js";
import type { RelayDirectory } from "./relay-directory.js";

/** A stream to one manager. */
export interface OpenLink {
  readonly address: string;
  readonly stream: ClientDuplexStream<AgentMessage, ManagerMessage>;
  /** The connection stands. */
  isConnected(): boolean;
  /** Lets go of the connection. */
  close(failure?: ManagerFailure): void;
}

export interface LinkClientOptions {
  readonly directory: RelayDirectory;
  /** Opens a stream to some manager, each time to the one that fits best now. @throws Error when none is known */
  readonly open: () => OpenLink;
  readonly random: () => number;
  readonly log: (line: string) => void;
}

const FIRST_PAUSE_MS = 100;
const LAST_PAUSE_MS = 8000;
/** After a link broke a new one is looked for with short pauses: a new leader needs a second or two. */
const HASTE_MS = 10_000;
const HASTY_PAUSE_MS = 1000;
const CONNECT_LIMIT_MS = 3000;

interface Current {
  readonly link: OpenLink;
  readonly end: (reason: string, failure: ManagerFailure) => void;
}

export class LinkClient {
  readonly #options: LinkClientOptions;
  #current: Current | undefined;
  #timer: NodeJS.Timeout | undefined;
  #pauseMs = FIRST_PAUSE_MS;
  #withoutSinceMs = 0;
  #stopped = false;

  constructor(options: LinkClientOptions) {
    this.#options = options;
  }

  start(): void {
    this.#withoutSinceMs = performance.now();
    this.#dial();
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
    this.#options.directory.linkDown();
    this.#current?.link.stream.cancel();
    this.#current?.link.close();
  }

  /** Nothing is heard of a manager any more: a link to it is given up at once. */
  leave(address: string): void {
    if (this.#current?.link.address === address) this.#current.end("nothing is heard of the manager", "silent");
  }

  #dial(): void {
    const { directory, open, log } = this.#options;
    let link: OpenLink;
    try {
      link = open();
    } catch (error) {
      log(`no link to a manager: ${(error as Error).message}`);
      this.#redial();
      return;
    }
    const { stream } = link;
    let ended = false;
    let answered = false;
    const patience = setTimeout(() => {
      if (!answered && !link.isConnected()) end("no connection", "silent");
    }, CONNECT_LIMIT_MS);
    const end = (reason: string, failure: ManagerFailure) => {
      if (ended) return;
      ended = true;
      clearTimeout(patience);
      if (this.#stopped) return;
      // A manager that is away is tried again and again: one line for a link that stood is enough.
      if (answered) {
        log(`the link to the manager at ${link.address} broke: ${reason}`);
        this.#withoutSinceMs = performance.now();
      }
      this.#current = undefined;
      directory.linkDown();
      stream.cancel();
      link.close(failure);
      this.#redial();
    };
    this.#current = { link, end };
    stream.on("data", (message: ManagerMessage) => {
      if (ended) return;
      answered = true;
      this.#pauseMs = FIRST_PAUSE_MS;
      directory.received(message);
    });
    stream.on("error", (error: Error) => end(error.message, link.isConnected() ? "refused" : "silent"));
    stream.on("end", () => end("closed by the manager", "refused"));
    directory.linkUp({ send: (message) => stream.write(message) });
  }

  #redial(): void {
    const isHasty = performance.now() - this.#withoutSinceMs < HASTE_MS;
    const pauseMs =
      Math.min(this.#pauseMs, isHasty ? HASTY_PAUSE_MS : LAST_PAUSE_MS) * (0.5 + this.#options.random() / 2);
    this.#pauseMs = Math.min(this.#pauseMs * 2, LAST_PAUSE_MS);
    this.#timer = setTimeout(() => this.#dial(), pauseMs);
  }
}
