/** The agents' side of the manager: sessions, heartbeats, what to run, how it goes. */
import { isIP } from "node:net";
import { isDeepStrictEqual } from "node:util";
import {
  type AssignmentsMessage,
  type AssignmentsRequest,
  DispatcherService,
  type HeartbeatRequest,
  type HeartbeatResponse,
  type SessionMessage,
  type SessionRequest,
  type UpdateTaskStatusRequest,
  type UpdateTaskStatusResponse,
} from "../../api/generated/docker/swarmkit/v1/dispatcher.js";
import type { Node } from "../../api/generated/docker/swarmkit/v1/objects.js";
import {
  type EncryptionKey,
  NodeRole,
  NodeStatus_State as NodeState,
  type WeightedPeer,
} from "../../api/generated/docker/swarmkit/v1/types.js";
import { partialService } from "../../api/partial-service.js";
import { type CallContext, type ResponseStream, serverStream, unary } from "../../api/server-call.js";
import { aborted, notFound, unavailable } from "../../api/status-error.js";
import { durationMs, durationOf } from "../../api/time.js";
import type { Caller, CallerIdentity } from "../../security/identity.js";
import type { Clock } from "../../store/clock.js";
import type { RandomBytes } from "../../store/object-id.js";
import type { Store } from "../../store/store.js";
import { trustedRoots } from "../ca/cluster-root.js";
import { isTermOver } from "../leadership/term-over.js";
import { Coalescer } from "../loop/coalescer.js";
import { writing } from "../write-error.js";
import { AssignmentFeed } from "./assignment-feed.js";
import { managerPeers, samePeers } from "./manager-list.js";
import { NodeRegistry } from "./node-registration.js";
import { type HeartbeatSettings, NodeSessions } from "./node-sessions.js";
import { StatusCollector } from "./status-collector.js";

export interface DispatcherOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: RandomBytes;
  readonly identity: CallerIdentity;
  /** The node of this manager. */
  readonly managerNodeId: string;
  /** Where other nodes reach this manager, "10.0.0.1:4242". */
  readonly managerAddress: string;
  readonly log: (line: string) => void;
}

const DEFAULT_PERIOD_MS = 5000;
const GRACE_FACTOR = 3;
/** After a new manager took over, nodes have longer to find it. */
const TAKEOVER_FACTOR = 6;
const ORPHAN_AFTER_MS = 24 * 3_600_000;
const FLUSH_DELAY_MS = 5;

export class Dispatcher {
  readonly #options: DispatcherOptions;
  readonly #sessions: NodeSessions;
  readonly #registry: NodeRegistry;
  readonly #statuses: StatusCollector;
  /** Nodes that are DOWN, and how to take back the end of patience with them. */
  readonly #orphanAlarms = new Map<string, () => void>();
  /** Open session streams, and how to tell them what is new. */
  readonly #tellers = new Set<Coalescer>();
  #managers: readonly WeightedPeer[] = [];
  /** PEM: all roots that a node is to trust. */
  #roots: Buffer = Buffer.alloc(0);
  #networkKeys: readonly EncryptionKey[] = [];
  /** Why it has ended. */
  #over: Error | undefined;
  #endWatch: () => void = () => {};

  constructor(options: DispatcherOptions) {
    const { store, clock, random, managerNodeId } = options;
    this.#options = options;
    this.#registry = new NodeRegistry(store, clock);
    this.#statuses = new StatusCollector(store, clock, managerNodeId);
    this.#sessions = new NodeSessions(
      clock,
      random,
      () => this.#heartbeat(),
      (nodeId) => this.#attempt(`mark node ${nodeId} down`, this.#registry.markDown(nodeId)),
    );
  }

  start(): void {
    const { store } = this.#options;
    const { seen, end } = store.viewAndWatch(
      (read) => read.all("node"),
      [{ kind: "node" }, { kind: "cluster" }],
      (events) => {
        for (const event of events) {
          if (event.kind === "cluster") this.#seeCluster();
          if (event.kind !== "node") continue;
          if (event.action === "remove") this.#nodeGone(event.object.id);
          else this.#watchPatience(event.object);
        }
        this.#seeManagers();
      },
    );
    this.#endWatch = end;
    this.#seeCluster();
    this.#seeManagers();
    for (const node of seen) {
      if (node.status?.state !== NodeState.DOWN) this.#sessions.expect(node.id, TAKEOVER_FACTOR);
      this.#watchPatience(node);
    }
    this.#attempt("orphan the tasks of nodes that are gone", this.#registry.orphanTasksOfGoneNodes());
  }

  /** At once: nothing is taken in any more. */
  stop(reason: Error = unavailable("the manager is stopping")): void {
    this.#over = reason;
    this.#endWatch();
    this.#sessions.stop(reason);
    for (const cancel of this.#orphanAlarms.values()) cancel();
    this.#orphanAlarms.clear();
  }

  /** The gRPC service. */
  service() {
    const { log } = this.#options;
    return partialService(
      DispatcherService,
      {
        session: serverStream(
          (request: SessionRequest, stream: ResponseStream<SessionMessage>) => this.#session(request, stream),
          log,
        ),
        heartbeat: unary((request: HeartbeatRequest, context) => this.#beat(request, context), log),
        updateTaskStatus: unary((request: UpdateTaskStatusRequest, context) => this.#report(request, context), log),
        assignments: serverStream(
          (request: AssignmentsRequest, stream: ResponseStream<AssignmentsMessage>) =>
            this.#assignments(request, stream),
          log,
        ),
      },
      log,
    );
  }

  async #session({ description }: SessionRequest, stream: ResponseStream<SessionMessage>): Promise<void> {
    const { store, identity } = this.#options;
    const caller = identity.identify(stream.context);
    const registration = { nodeId: caller.nodeId, description, address: this.#addressOf(caller) };
    await writing(() => this.#registry.register(registration));
    if (this.#over) throw this.#over;
    if (!stream.open) return;
    const session = this.#sessions.open(caller.nodeId, aborted("the node has begun another session"));
    let told: Node | undefined;
    let toldManagers: readonly WeightedPeer[] | undefined;
    let toldRoots: Buffer | undefined;
    let toldKeys: readonly EncryptionKey[] | undefined;
    const tell = () => {
      const node = store.view((read) => read.get("node", caller.nodeId));
      const isSameAround =
        toldManagers === this.#managers && toldRoots === this.#roots && toldKeys === this.#networkKeys;
      if (!node || (told && isSameAround && !concernsAgent(node, told))) return;
      told = node;
      toldManagers = this.#managers;
      toldRoots = this.#roots;
      toldKeys = this.#networkKeys;
      stream.send({
        sessionId: session.id,
        node,
        managers: this.#managers,
        networkBootstrapKeys: this.#networkKeys,
        RootCA: this.#roots,
      });
    };
    const flush = new Coalescer(FLUSH_DELAY_MS, tell);
    this.#tellers.add(flush);
    const end = store.watch([{ kind: "node", id: caller.nodeId }], () => flush.trigger());
    session.onEnd((error) => stream.end(error));
    stream.onClose(() => {
      this.#tellers.delete(flush);
      end();
      flush.stop();
    });
    tell();
  }

  #beat({ sessionId }: HeartbeatRequest, context: CallContext): HeartbeatResponse {
    const { nodeId } = this.#options.identity.identify(context);
    return { period: durationOf(this.#sessions.beat(nodeId, sessionId)) };
  }

  async #report(request: UpdateTaskStatusRequest, context: CallContext): Promise<UpdateTaskStatusResponse> {
    const { nodeId } = this.#options.identity.identify(context);
    this.#sessions.check(nodeId, request.sessionId);
    const reports = request.updates.flatMap(({ taskId, status }) => (status ? [{ taskId, status }] : []));
    await writing(() => this.#statuses.report(nodeId, reports));
    return {};
  }

  #assignments({ sessionId }: AssignmentsRequest, stream: ResponseStream<AssignmentsMessage>): void {
    const { store, identity } = this.#options;
    const { nodeId } = identity.identify(stream.context);
    const session = this.#sessions.check(nodeId, sessionId);
    const feed = new AssignmentFeed(nodeId);
    const flush = new Coalescer(FLUSH_DELAY_MS, () => {
      // A node that takes its time gets one message with all that happened meanwhile.
      if (stream.blocked) return;
      const message = feed.next();
      if (message) stream.send(message);
    });
    const { seen, end } = store.viewAndWatch(
      (read) => feed.complete(read.find("task", "node", nodeId)),
      [{ kind: "task", index: "node", key: nodeId }],
      (events) => {
        for (const event of events) {
          if (event.kind !== "task") continue;
          const task = event.action === "remove" ? undefined : event.object;
          if (feed.note(event.object.id, task)) flush.trigger();
        }
      },
    );
    session.onEnd((error) => stream.end(error));
    stream.onDrain(() => flush.trigger());
    stream.onClose(() => {
      end();
      flush.stop();
    });
    stream.send(seen);
  }

  #nodeGone(nodeId: string): void {
    this.#sessions.forget(nodeId, notFound(`node ${nodeId} was removed from the cluster`));
    this.#orphanAlarms.get(nodeId)?.();
    this.#orphanAlarms.delete(nodeId);
  }

  /** A node that stays DOWN loses its tasks in the end. */
  #watchPatience({ id, status }: Node): void {
    const isDown = status?.state === NodeState.DOWN;
    if (isDown === this.#orphanAlarms.has(id)) return;
    if (!isDown) {
      this.#orphanAlarms.get(id)?.();
      this.#orphanAlarms.delete(id);
      return;
    }
    const cancel = this.#options.clock.after(ORPHAN_AFTER_MS, () =>
      this.#attempt(`orphan the tasks of node ${id}`, this.#registry.orphanTasks(id)),
    );
    this.#orphanAlarms.set(id, cancel);
  }

  #attempt(what: string, done: Promise<void>): void {
    done.catch((error: unknown) => {
      if (!isTermOver(error)) this.#options.log(`dispatcher: cannot ${what}: ${error}`);
    });
  }

  #heartbeat(): HeartbeatSettings {
    const [cluster] = this.#options.store.view((read) => read.all("cluster"));
    const periodMs = durationMs(cluster?.spec?.dispatcher?.heartbeatPeriod, DEFAULT_PERIOD_MS);
    return { periodMs, graceFactor: GRACE_FACTOR };
  }

  /** All sessions hear of it when a manager comes, goes, or leads. */
  #seeManagers(): void {
    const { store, managerNodeId, managerAddress } = this.#options;
    const listed = managerPeers(store.view((read) => read.find("node", "role", String(NodeRole.MANAGER))));
    // Until the statuses are written there is at least this one.
    const peers = listed.length > 0 ? listed : [{ peer: { nodeId: managerNodeId, addr: managerAddress }, weight: 1 }];
    if (samePeers(peers, this.#managers)) return;
    this.#managers = peers;
    for (const teller of this.#tellers) teller.trigger();
  }

  /** All sessions hear of it when the cluster turns to another root, and when it has; and of new network keys. */
  #seeCluster(): void {
    const [cluster] = this.#options.store.view((read) => read.all("cluster"));
    const roots = Buffer.from(cluster?.rootCa ? trustedRoots(cluster.rootCa) : "");
    const keys = cluster?.networkBootstrapKeys ?? [];
    const areSameKeys = isDeepStrictEqual(keys, this.#networkKeys);
    if (roots.equals(this.#roots) && areSameKeys) return;
    if (!roots.equals(this.#roots)) this.#roots = roots;
    if (!areSameKeys) this.#networkKeys = keys;
    for (const teller of this.#tellers) teller.trigger();
  }

  /** The caller's address; one that came over a manager's unix socket is on the same host. */
  #addressOf({ peer, forwardedBy }: Caller): string {
    const host = hostOf(peer);
    if (isIP(host)) return host;
    const manager = this.#options.store.view((read) => read.get("node", forwardedBy ?? ""));
    return hostOf(manager?.managerStatus?.addr || this.#options.managerAddress);
  }
}

function hostOf(address: string): string {
  return address
    .replace(/^(?:ipv[46]:)?\[?/, "")
    .replace(/\]?:\d+$/, "")
    .replace(/^::ffff:/, "");
}

/** What an agent acts on; its own status is not news to it. */
function concernsAgent(node: Node, told: Node): boolean {
  return (
    node.spec !== told.spec ||
    node.role !== told.role ||
    node.attachments !== told.attachments ||
    node.certificate !== told.certificate ||
    node.VXLANUDPPort !== told.VXLANUDPPort
  );
}
