/** Serves `tswarm.v1.AgentLink` and `tswarm.v1.Inspector`: a shell around {@link RelayCore}. */
import type { Node, Service } from "../../api/generated/docker/swarmkit/v1/objects.js";
import { NodeStatus_State } from "../../api/generated/docker/swarmkit/v1/types.js";
import type {
  AgentMessage,
  ManagerMessage,
  NodeObservation,
  ObserveRequest,
  ObserveResponse,
  ObserveResult,
} from "../../api/generated/tswarm/v1/link.js";
import type { RequestListener, ResponseStream } from "../../api/server-call.js";
import type { CallerIdentity } from "../../security/identity.js";
import type { StoreEvent } from "../../store/change.js";
import type { StoreReader } from "../../store/reader.js";
import type { Store } from "../../store/store.js";
import { type LinkId, RelayCore } from "./relay-core.js";
import { serviceRows } from "./service-rows.js";

export interface LinkServerOptions {
  readonly store: Store;
  readonly identity: CallerIdentity;
}

/** Changes within this time travel together. */
const FLUSH_DELAY_MS = 2;
const OBSERVE_TIMEOUT_MS = 5000;
/** Rows and links of one node that no answer came for. */
const NO_LINK = "no agent is linked: the node is down, or runs no tswarmd";

interface OpenLink {
  readonly nodeId: string;
  readonly hostname: string;
  readonly stream: ResponseStream<ManagerMessage>;
  readonly questions: Map<number, (result: ObserveResult) => void>;
}

export class LinkServer {
  readonly #options: LinkServerOptions;
  readonly #core = new RelayCore();
  readonly #links = new Map<LinkId, OpenLink>();
  #nextLink: LinkId = 1;
  #nextQuestion = 1;
  #ingressNetworkId: string | undefined;
  #timer: NodeJS.Timeout | undefined;
  #endWatch: () => void = () => {};

  constructor(options: LinkServerOptions) {
    this.#options = options;
  }

  start(): void {
    const { seen, end } = this.#options.store.viewAndWatch(
      (read) => {
        this.#ingressNetworkId = ingressNetworkId(read);
        return read.all("service");
      },
      [{ kind: "service" }, { kind: "node" }, { kind: "network" }],
      (events) => this.#onEvents(events),
    );
    this.#endWatch = end;
    for (const service of seen) this.#setService(service);
  }

  stop(): void {
    this.#endWatch();
    clearTimeout(this.#timer);
    for (const link of this.#links.values()) link.stream.end();
    this.#links.clear();
  }

  /** The handler of `AgentLink.Link`. */
  link(stream: ResponseStream<ManagerMessage>): RequestListener<AgentMessage> {
    const { nodeId } = this.#options.identity.identify(stream.context);
    const id = this.#nextLink++;
    const drop = () => {
      this.#links.delete(id);
      this.#core.linkDown(id);
      this.#scheduleFlush();
    };
    stream.onClose(drop);
    stream.onDrain(() => {
      this.#core.lagged(id);
      this.#scheduleFlush();
    });
    return {
      received: (message) => this.#received(id, nodeId, stream, message),
      ended: () => stream.end(),
    };
  }

  /** The handler of `Inspector.Observe`: asks every node of the cluster. */
  async observe(request: ObserveRequest): Promise<ObserveResponse> {
    const nodes = this.#options.store.view((read) => read.all("node"));
    const linkOfNode = new Map([...this.#links.values()].map((link) => [link.nodeId, link]));
    const answers = await Promise.all(nodes.map((node) => this.#observeNode(node, linkOfNode.get(node.id), request)));
    return { nodes: answers.sort((a, b) => a.hostname.localeCompare(b.hostname)) };
  }

  #received(id: LinkId, nodeId: string, stream: ResponseStream<ManagerMessage>, { message }: AgentMessage): void {
    switch (message?.$case) {
      case "hello": {
        const earlier = this.#core.linkUp(id, nodeId);
        if (earlier !== undefined) this.#links.get(earlier)?.stream.end();
        this.#links.set(id, { nodeId, hostname: message.value.hostname, stream, questions: new Map() });
        break;
      }
      case "subscription":
        this.#core.subscribe(id, message.value.networkIds);
        break;
      case "update":
        this.#core.update(id, message.value);
        break;
      case "applied":
        this.#core.applied(id, message.value.revision);
        break;
      case "observed": {
        const { questions } = this.#links.get(id) ?? {};
        questions?.get(message.value.requestId)?.(message.value);
        return;
      }
      case undefined:
        return;
    }
    this.#scheduleFlush();
  }

  #onEvents(events: readonly StoreEvent[]): void {
    for (const event of events) {
      if (event.kind === "service") {
        if (event.action === "remove") this.#removeServiceRows(event.object.id, []);
        else this.#setService(event.object);
      } else if (event.kind === "node") {
        const down = event.action === "remove" || event.object.status?.state === NodeStatus_State.DOWN;
        if (down) this.#core.nodeGone(event.object.id);
      } else if (event.kind === "network" && event.object.spec?.ingress) {
        this.#ingressChanged();
      }
    }
    this.#scheduleFlush();
  }

  #ingressChanged(): void {
    const services = this.#options.store.view((read) => {
      this.#ingressNetworkId = ingressNetworkId(read);
      return read.all("service");
    });
    for (const service of services) this.#setService(service);
  }

  #setService(service: Service): void {
    const rows = serviceRows(service, this.#ingressNetworkId);
    this.#removeServiceRows(
      service.id,
      rows.map((row) => row.networkId),
    );
    for (const row of rows) this.#core.setService(row);
  }

  #removeServiceRows(serviceId: string, keptNetworkIds: readonly string[]): void {
    for (const row of this.#core.serviceRowsOf(serviceId)) {
      if (!keptNetworkIds.includes(row.networkId)) this.#core.removeService(row);
    }
  }

  #scheduleFlush(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#flush();
    }, FLUSH_DELAY_MS);
  }

  #flush(): void {
    const { rows, applied } = this.#core.flush();
    for (const { link, update } of rows) {
      const stream = this.#links.get(link)?.stream;
      // A link that does not keep up is sent nothing more until it drains, and then everything at once.
      if (!stream || stream.blocked) this.#core.lagged(link);
      else stream.send({ message: { $case: "rows", value: update } });
    }
    for (const { link, rows: acknowledged } of applied) {
      this.#links.get(link)?.stream.send({ message: { $case: "applied", value: { rows: acknowledged } } });
    }
  }

  async #observeNode(node: Node, link: OpenLink | undefined, request: ObserveRequest): Promise<NodeObservation> {
    const hostname = node.description?.hostname || link?.hostname || node.id;
    if (!link) return { nodeId: node.id, hostname, error: NO_LINK, result: undefined };
    const requestId = this.#nextQuestion++;
    const result = await new Promise<ObserveResult | undefined>((resolve) => {
      const timer = setTimeout(() => resolve(undefined), OBSERVE_TIMEOUT_MS);
      link.questions.set(requestId, (answer) => {
        clearTimeout(timer);
        resolve(answer);
      });
      link.stream.send({ message: { $case: "observe", value: { ...request, requestId } } });
    });
    link.questions.delete(requestId);
    if (!result) {
      return { nodeId: node.id, hostname, error: `no answer within ${OBSERVE_TIMEOUT_MS / 1000} s`, result: undefined };
    }
    return { nodeId: node.id, hostname, error: result.error, result };
  }
}

function ingressNetworkId(read: StoreReader): string | undefined {
  return read.all("network").find((network) => network.spec?.ingress)?.id;
}
