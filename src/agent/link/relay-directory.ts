/** The EndpointDirectory that the manager's relay fills: a shell around {@link RelayMachine}. */
import type {
  AgentMessage,
  ManagerMessage,
  ObserveRequest,
  ObserveResult,
  RowUpdate,
} from "../../api/generated/tswarm/v1/link.js";
import type { ClusterView, Endpoint, EndpointDirectory } from "../cluster-view.js";
import { type RelayIdentity, RelayMachine, type RelayOutput } from "./relay-machine.js";

/** One open link to a manager. */
export interface RelayLink {
  send(message: AgentMessage): void;
}

interface Publication {
  readonly revision: number;
  readonly done: (outcome: "applied" | "deadline") => void;
}

export class RelayDirectory implements EndpointDirectory {
  readonly #machine: RelayMachine;
  readonly #observe: (request: ObserveRequest) => Promise<ObserveResult>;
  readonly #listeners = new Set<(update: RowUpdate) => void>();
  readonly #publications = new Map<string, Publication>();
  #link: RelayLink | undefined;
  #appliedRevision = 0;

  constructor(identity: RelayIdentity, observe: (request: ObserveRequest) => Promise<ObserveResult>) {
    this.#machine = new RelayMachine(identity);
    this.#observe = observe;
  }

  get linked(): boolean {
    return this.#machine.linked;
  }

  restore(snapshot: RowUpdate): void {
    this.#notify(this.#machine.restore(snapshot));
  }

  /** Rows of the other nodes and all services, to be kept over a restart. */
  snapshot(): RowUpdate {
    return this.#machine.rows.snapshot();
  }

  linkUp(link: RelayLink): void {
    this.#link = link;
    this.#appliedRevision = 0;
    this.#perform(this.#machine.linkUp());
  }

  linkDown(): void {
    this.#link = undefined;
    this.#machine.linkDown();
  }

  received(message: ManagerMessage): void {
    this.#perform(this.#machine.received(message));
  }

  subscribe(networkIds: ReadonlySet<string>): void {
    this.#perform(this.#machine.subscribe(networkIds));
  }

  publish(endpoint: Endpoint, deadlineMs: number): Promise<"applied" | "deadline"> {
    this.#publications.get(endpoint.id)?.done("deadline");
    return new Promise((resolve) => {
      const finish = (outcome: "applied" | "deadline") => {
        clearTimeout(timer);
        if (this.#publications.get(endpoint.id)?.revision === endpoint.revision) this.#publications.delete(endpoint.id);
        resolve(outcome);
      };
      const timer = setTimeout(() => finish("deadline"), deadlineMs);
      this.#publications.set(endpoint.id, { revision: endpoint.revision, done: finish });
      this.#perform(this.#machine.publish(endpoint));
    });
  }

  withdraw(endpointId: string): void {
    this.#publications.get(endpointId)?.done("deadline");
    this.#perform(this.#machine.withdraw([endpointId]));
  }

  view(): ClusterView {
    return this.#machine.rows;
  }

  onChange(listener: (update: RowUpdate) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  applied(revision: number): void {
    if (revision <= this.#appliedRevision) return;
    this.#appliedRevision = revision;
    this.#perform(this.#machine.applied(revision));
  }

  /** Ends every wait for acknowledgements. */
  close(): void {
    for (const publication of [...this.#publications.values()]) publication.done("deadline");
    this.#listeners.clear();
    this.#link = undefined;
  }

  #perform(output: RelayOutput): void {
    for (const message of output.send) this.#link?.send(message);
    for (const update of output.updates) this.#notify(update);
    for (const row of output.acknowledged) {
      const publication = this.#publications.get(row.id);
      if (publication && row.revision >= publication.revision) publication.done("applied");
    }
    if (output.observe) this.#answer(output.observe);
  }

  #notify(update: RowUpdate): void {
    for (const listener of this.#listeners) listener(update);
  }

  #answer(request: ObserveRequest): void {
    const link = this.#link;
    this.#observe(request)
      .catch((error: unknown) => ({
        requestId: request.requestId,
        error: error instanceof Error ? error.message : String(error),
        loadBalancer: "",
        packetFilter: "",
        items: [],
        paths: [],
      }))
      .then((result) => {
        if (link && link === this.#link) link.send({ message: { $case: "observed", value: result } });
      });
  }
}
