/** The agents' links: a shell around the relay that owns streams, the store's watch and the pace of sending. */

import type { UntypedHandleCall, UntypedServiceImplementation } from "@grpc/grpc-js";
import type { Node, Service } from "../../api/generated/docker/swarmkit/v1/objects.js";
import { NodeStatus_State as NodeState } from "../../api/generated/docker/swarmkit/v1/types.js";
import {
  AgentLinkService,
  type AgentMessage,
  ManagerMessage,
  type ObserveRequest,
  type ObserveResult,
} from "../../api/generated/tswarm/v1/link.js";
import { bidirectional, type RequestListener, type ResponseStream } from "../../api/server-call.js";
import { aborted, invalidArgument, unavailable } from "../../api/status-error.js";
import type { CallerIdentity } from "../../security/identity.js";
import type { StoreEvent } from "../../store/change.js";
import type { Clock } from "../../store/clock.js";
import type { StoreReader } from "../../store/reader.js";
import type { Store } from "../../store/store.js";
import { Coalescer } from "../loop/coalescer.js";
import { LinkGate } from "./link-gate.js";
import { changesScope, nodeScope } from "./node-scope.js";
import { RelayMachine } from "./relay-machine.js";
import { serviceRows } from "./service-rows.js";

export interface LinkServiceOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly identity: CallerIdentity;
  readonly log: (line: string) => void;
}

const FLUSH_DELAY_MS = 3;
/** So long a new manager waits for nodes that it knows of before it tells others that their rows are gone. */
const TAKEOVER_PATIENCE_MS = 15_000;

interface LinkEntry {
  readonly stream: ResponseStream<ManagerMessage>;
  readonly answers: Map<number, (result: ObserveResult | Error) => void>;
  /** Ends the watch of the node's tasks. */
  readonly endWatch: () => void;
}

export class LinkService {
  readonly #options: LinkServiceOptions;
  readonly #machine = new RelayMachine();
  readonly #gate = new LinkGate(this.#machine);
  readonly #links = new Map<string, LinkEntry>();
  /** Linked nodes of which it is to be looked what they may. */
  readonly #unlooked = new Set<string>();
  readonly #flush = new Coalescer(FLUSH_DELAY_MS, () => this.#send());
  #ingressId: string | undefined;
  #requestId = 0;
  /** Why it has ended. */
  #over: Error | undefined;
  #endWatch: () => void = () => {};
  #endPatience: () => void = () => {};

  constructor(options: LinkServiceOptions) {
    this.#options = options;
  }

  start(): void {
    const { store, clock } = this.#options;
    const { end } = store.viewAndWatch(
      (read) => this.#begin(read),
      [{ kind: "service" }, { kind: "node" }, { kind: "network" }],
      (events) => {
        for (const event of events) this.#noticed(event);
        this.#flush.trigger();
      },
    );
    this.#endWatch = end;
    this.#endPatience = clock.after(TAKEOVER_PATIENCE_MS, () => {
      this.#machine.stopExpecting();
      this.#flush.trigger();
    });
  }

  /** At once: nothing is taken in any more. */
  stop(reason: Error = unavailable("the manager is stopping")): void {
    this.#over = reason;
    this.#endWatch();
    this.#endPatience();
    this.#flush.stop();
    for (const nodeId of [...this.#links.keys()]) this.#close(nodeId, reason);
  }

  /** Of the gRPC service that {@link LINK_SERVICE} defines. */
  handlers(): UntypedServiceImplementation {
    const accept = (stream: ResponseStream<ManagerMessage>) => this.#accept(stream);
    return { link: bidirectional(accept, this.#options.log) as UntypedHandleCall };
  }

  isLinked(nodeId: string): boolean {
    return this.#links.has(nodeId);
  }

  /** Asks a node's agent what its kernel holds. @throws Error when it is not linked, or does not answer in time */
  observe(nodeId: string, request: ObserveRequest, timeoutMs: number): Promise<ObserveResult> {
    const link = this.#links.get(nodeId);
    if (!link) return Promise.reject(new Error("the node's agent is not connected"));
    this.#requestId++;
    const requestId = this.#requestId;
    return new Promise((resolve, reject) => {
      const cancel = this.#options.clock.after(timeoutMs, () => finish(new Error(`no answer within ${timeoutMs} ms`)));
      const finish = (result: ObserveResult | Error) => {
        cancel();
        link.answers.delete(requestId);
        if (result instanceof Error) reject(result);
        else resolve(result);
      };
      link.answers.set(requestId, finish);
      link.stream.send({ message: { $case: "observe", value: { ...request, requestId } } });
    });
  }

  #begin(read: StoreReader): void {
    this.#ingressId = read.all("network").find((network) => network.spec?.ingress)?.id;
    for (const service of read.all("service")) this.#serviceChanged(service);
    // Who was never heard of has published nothing.
    const alive = read.all("node").filter(({ status }) => status && status.state !== NodeState.DOWN);
    this.#machine.expect(alive.map(({ id }) => id));
  }

  #noticed(event: StoreEvent): void {
    if (event.kind === "service") {
      if (event.action === "remove") this.#machine.serviceChanged(event.object.id, []);
      else this.#serviceChanged(event.object);
    } else if (event.kind === "node") {
      if (event.action === "remove" || isNewlyDown(event.object, event.previous)) {
        this.#machine.nodeGone(event.object.id);
        // A link that still stands must begin anew: its agent then publishes all its rows again.
        this.#close(event.object.id, unavailable(`node ${event.object.id} counts as down`));
      } else if (event.previous?.attachments !== event.object.attachments && this.#links.has(event.object.id)) {
        this.#unlooked.add(event.object.id);
      }
    } else if (event.kind === "network" && event.object.spec?.ingress) {
      const ingressId = event.action === "remove" ? undefined : event.object.id;
      // The allocator writes on it now and then.
      if (ingressId === this.#ingressId) return;
      this.#ingressId = ingressId;
      for (const service of this.#options.store.view((read) => read.all("service"))) this.#serviceChanged(service);
      for (const nodeId of this.#links.keys()) this.#unlooked.add(nodeId);
    }
  }

  #tasksChanged(nodeId: string, events: readonly StoreEvent[]): void {
    const concerns = (event: StoreEvent) =>
      event.kind === "task" && changesScope(event.object, event.action === "update" ? event.previous : undefined);
    if (!events.some(concerns)) return;
    this.#unlooked.add(nodeId);
    this.#flush.trigger();
  }

  #serviceChanged(service: Service): void {
    this.#machine.serviceChanged(service.id, serviceRows(service, this.#ingressId));
  }

  #accept(stream: ResponseStream<ManagerMessage>): RequestListener<AgentMessage> {
    if (this.#over) throw this.#over;
    const { nodeId } = this.#options.identity.identify(stream.context);
    this.#close(nodeId, aborted("the node has begun another link"));
    const { seen: scope, end: endWatch } = this.#options.store.viewAndWatch(
      (read) => nodeScope(read, nodeId, this.#ingressId),
      [{ kind: "task", index: "node", key: nodeId }],
      (events) => this.#tasksChanged(nodeId, events),
    );
    const link: LinkEntry = { stream, answers: new Map(), endWatch };
    this.#links.set(nodeId, link);
    this.#gate.linkUp(nodeId, scope);
    const isCurrent = () => this.#links.get(nodeId) === link;
    stream.onClose(() => {
      if (isCurrent()) this.#drop(nodeId);
    });
    stream.onDrain(() => {
      if (!isCurrent()) return;
      this.#machine.blocked(nodeId, false);
      this.#flush.trigger();
    });
    return {
      received: (message) => {
        if (!isCurrent()) return;
        this.#receive(nodeId, link, message);
        this.#flush.trigger();
      },
      ended: () => stream.end(),
    };
  }

  #receive(nodeId: string, link: LinkEntry, { message }: AgentMessage): void {
    switch (message?.$case) {
      case "hello":
        if (message.value.nodeId !== nodeId) {
          throw invalidArgument(`the link of node ${nodeId} says that it is of node ${message.value.nodeId}`);
        }
        return;
      case "subscription":
        this.#gate.subscribe(nodeId, message.value.networkIds);
        return;
      case "update":
        this.#gate.update(nodeId, message.value);
        return;
      case "applied":
        this.#machine.applied(nodeId, message.value.revision);
        return;
      case "observed":
        link.answers.get(message.value.requestId)?.(message.value);
        return;
      default:
      // A message of a newer agent.
    }
  }

  #send(): void {
    for (const nodeId of this.#unlooked) {
      this.#gate.scopeChanged(
        nodeId,
        this.#options.store.view((read) => nodeScope(read, nodeId, this.#ingressId)),
      );
    }
    this.#unlooked.clear();
    for (const { nodeId, message } of this.#machine.flush()) {
      const stream = this.#links.get(nodeId)?.stream;
      if (!stream) continue;
      stream.send(message);
      if (stream.blocked) this.#machine.blocked(nodeId, true);
    }
  }

  #close(nodeId: string, reason: Error): void {
    const link = this.#links.get(nodeId);
    if (!link) return;
    this.#drop(nodeId);
    link.stream.end(reason);
  }

  #drop(nodeId: string): void {
    const link = this.#links.get(nodeId)!;
    link.endWatch();
    this.#links.delete(nodeId);
    this.#unlooked.delete(nodeId);
    this.#gate.linkDown(nodeId);
    for (const answer of [...link.answers.values()]) answer(new Error("the link to the node's agent broke"));
    this.#flush.trigger();
  }
}

function isNewlyDown(node: Node, previous: Node | undefined): boolean {
  return node.status?.state === NodeState.DOWN && previous?.status?.state !== NodeState.DOWN;
}

const encoded = new WeakMap<ManagerMessage, Buffer>();

/** The agents' link; a message that goes to many of them is encoded once. */
export const LINK_SERVICE = {
  link: {
    ...AgentLinkService.link,
    responseSerialize: (message: ManagerMessage): Buffer => {
      let bytes = encoded.get(message);
      if (!bytes) {
        bytes = Buffer.from(ManagerMessage.encode(message).finish());
        encoded.set(message, bytes);
      }
      return bytes;
    },
  },
};
