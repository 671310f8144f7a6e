/** `docker.swarmkit.v1.Watch`: the store's changes as a stream. Any manager answers from its own store. */
import type { UntypedServiceImplementation } from "@grpc/grpc-js";
import { type WatchMessage, type WatchRequest, WatchService } from "../../api/generated/docker/swarmkit/v1/watch.js";
import { type ResponseStream, serverStream } from "../../api/server-call.js";
import { unavailable } from "../../api/status-error.js";
import type { Store } from "../../store/store.js";
import { WatchStream } from "./watch-stream.js";

export class StoreWatch {
  readonly #store: Store;
  readonly #log: (line: string) => void;
  readonly #streams = new Set<ResponseStream<WatchMessage>>();

  constructor(store: Store, log: (line: string) => void) {
    this.#store = store;
    this.#log = log;
  }

  /** The gRPC service. */
  service(): { readonly definition: typeof WatchService; readonly implementation: UntypedServiceImplementation } {
    const accept = (request: WatchRequest, stream: ResponseStream<WatchMessage>) => this.#accept(request, stream);
    return { definition: WatchService, implementation: { watch: serverStream(accept, this.#log) } };
  }

  /** Ends all watches. */
  stop(): void {
    for (const stream of this.#streams) stream.end(unavailable("the manager is stopping"));
  }

  #accept(request: WatchRequest, stream: ResponseStream<WatchMessage>): void {
    const watch = new WatchStream(this.#store, stream, request);
    this.#streams.add(stream);
    stream.onClose(() => this.#streams.delete(stream));
    watch.start();
  }
}
