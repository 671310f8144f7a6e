/**
 * One Watch call. What the client does not take at once is not kept for it: the stream remembers how far it got, and goes on from
 * there in the store's history when the client is ready. A client that falls behind the history is cut off.
 */
import { status } from "@grpc/grpc-js";
import type {
  Object as WatchedObject,
  WatchMessage,
  WatchRequest,
} from "../../api/generated/docker/swarmkit/v1/watch.js";
import type { ResponseStream } from "../../api/server-call.js";
import { failedPrecondition, invalidArgument, StatusError } from "../../api/status-error.js";
import type { StoreEvent } from "../../store/change.js";
import { HistoryError } from "../../store/errors.js";
import type { Store } from "../../store/store.js";
import type { StoredObject } from "../../store/tables.js";
import { ACTION_BITS, type Interest, interestOf } from "./filters.js";

const MAX_ENTRIES = 1000;

export class WatchStream {
  readonly #store: Store;
  readonly #stream: ResponseStream<WatchMessage>;
  readonly #interests: readonly Interest[];
  readonly #withOld: boolean;
  /** The client has all up to here. */
  #version: number;
  #isBehind = false;

  /** @throws StatusError INVALID_ARGUMENT, OUT_OF_RANGE (compacted), FAILED_PRECONDITION (a version to come) */
  constructor(store: Store, stream: ResponseStream<WatchMessage>, request: WatchRequest) {
    const { entries, resumeFrom, includeOldObject } = request;
    if (entries.length === 0) throw invalidArgument("the watch asks for nothing: it has no entries");
    if (entries.length > MAX_ENTRIES) throw invalidArgument(`the watch has more than ${MAX_ENTRIES} entries`);
    this.#store = store;
    this.#stream = stream;
    this.#interests = entries.map(interestOf);
    this.#withOld = includeOldObject;
    this.#version = resumeFrom?.index ?? store.version;
    asStatus(() => store.commitsAfter(this.#version));
  }

  /** Begins with an empty message. */
  start(): void {
    this.#stream.send({ events: [], version: undefined });
    const selectors = this.#interests.map(({ selector }) => selector);
    const end = this.#store.watch(selectors, (events, version) => this.#noticed(events, version));
    this.#stream.onClose(end);
    this.#stream.onDrain(() => this.#catchUp());
    this.#catchUp();
  }

  #noticed(events: readonly StoreEvent[], version: number): void {
    if (!this.#isBehind) this.#send(events, version);
    else if (this.#store.oldestVersion > this.#version) this.#cutOff();
  }

  #catchUp(): void {
    this.#isBehind = false;
    try {
      for (const { events, version } of this.#store.commitsAfter(this.#version)) {
        if (this.#isBehind || !this.#stream.open) return;
        this.#send(events, version);
      }
      if (!this.#isBehind) this.#version = this.#store.version;
    } catch (error) {
      if (!(error instanceof HistoryError)) throw error;
      this.#cutOff();
    }
  }

  #send(events: readonly StoreEvent[], version: number): void {
    const wanted = events.filter((event) => this.#interests.some(({ wants }) => wants(event)));
    this.#version = version;
    if (wanted.length === 0) return;
    this.#stream.send({ events: wanted.map((event) => this.#message(event)), version: { index: version } });
    this.#isBehind = this.#stream.blocked;
  }

  #message({ kind, action, object, previous }: StoreEvent): WatchMessage["events"][number] {
    const old = this.#withOld && action === "update" ? previous : undefined;
    return { action: ACTION_BITS[action], object: wrapped(kind, object), oldObject: old && wrapped(kind, old) };
  }

  #cutOff(): void {
    const text = `the watch takes changes more slowly than they come: what follows version ${this.#version} is compacted; list the objects anew`;
    this.#stream.end(new StatusError(status.RESOURCE_EXHAUSTED, text));
  }
}

function wrapped(kind: StoreEvent["kind"], value: StoredObject): WatchedObject {
  return { Object: { $case: kind, value } as WatchedObject["Object"] };
}

function asStatus(check: () => void): void {
  try {
    check();
  } catch (error) {
    if (!(error instanceof HistoryError)) throw error;
    if (error.code === "compacted") throw new StatusError(status.OUT_OF_RANGE, error.message);
    throw failedPrecondition(error.message);
  }
}
