/**
 * One reader of logs. The nodes of the selected tasks are asked; what they publish, each in the order of time, is merged into one order
 * and sent as fast as the reader takes it. A node is read only as fast as that: one batch of each is held here, whatever they have.
 *
 * Without `follow` the whole is in order: the first line goes out once every node has said something. With it, a node that has nothing at
 * present holds up nobody, and one that does not say so holds up the others for a second at most.
 */
import type {
  LogContext,
  LogMessage,
  LogSelector,
  LogSubscriptionOptions,
  SubscribeLogsMessage,
} from "../../api/generated/docker/swarmkit/v1/logbroker.js";
import type { Task } from "../../api/generated/docker/swarmkit/v1/objects.js";
import { NodeStatus_State as NodeState } from "../../api/generated/docker/swarmkit/v1/types.js";
import { compareTimes } from "../../api/logs/log-time.js";
import { isNotice, NOTICES, notice, outputStreams } from "../../api/logs/notice.js";
import { OrderedMerge } from "../../api/logs/ordered-merge.js";
import { TAIL_ALL } from "../../api/logs/tail.js";
import type { ResponseStream } from "../../api/server-call.js";
import { aborted, notFound, permissionDenied } from "../../api/status-error.js";
import { taskLabel } from "../../api/task-label.js";
import type { StoreEvent } from "../../store/change.js";
import type { Clock } from "../../store/clock.js";
import type { Store } from "../../store/store.js";
import type { Listeners } from "./listeners.js";
import { incomplete, missingText, unplacedText } from "./missing.js";
import { NodeLane } from "./node-lane.js";
import { isExhausted, isNamed, isSelected, isUnplaced, selectedTasks, watched } from "./selection.js";

export interface SubscriptionSurroundings {
  readonly store: Store;
  readonly clock: Clock;
  readonly listeners: Listeners;
}

/** What a node's publisher does with what comes. */
export interface Publisher {
  /** Resolves when the reader has taken it. @throws StatusError when it is of no use any more */
  take(messages: readonly LogMessage[]): Promise<void>;
  /** Rejects when the subscription ends, or another publisher takes its place. */
  readonly over: Promise<never>;
  /** The node has sent all. */
  close(): void;
  /** The stream broke. */
  broke(): void;
}

const LOOK_EVERY_MS = 250;
/** An agent that has just lost its manager is back within this. */
const LISTENER_PATIENCE_MS = 4000;
const ANSWER_PATIENCE_MS = 10_000;
/** Those who follow see other nodes' lines although one does not say that it has nothing. */
const FOLLOW_PATIENCE_MS = 1000;
const MAX_NOTICE_BYTES = 512;
const BATCH_LINES = 32;
const BATCH_BYTES = 64 * 1024;
const DEFAULT_OPTIONS: LogSubscriptionOptions = { streams: [], follow: false, tail: TAIL_ALL, since: undefined };

export class Subscription {
  readonly id: string;
  readonly #selector: LogSelector;
  readonly #options: LogSubscriptionOptions;
  readonly #wantsNotices: boolean;
  readonly #stream: ResponseStream<SubscribeLogsMessage>;
  readonly #around: SubscriptionSurroundings;
  readonly #merge = new OrderedMerge<LogMessage>((a, b) => compareTimes(a.timestamp, b.timestamp));
  readonly #lanes = new Map<string, NodeLane>();
  readonly #unplaced = new Map<string, string>();
  readonly #publishers = new Map<NodeLane, (reason: Error) => void>();
  #endWatch: () => void = () => {};
  #cancelLook: () => void = () => {};
  /** So long nothing was sent. */
  #quietMs = 0;
  #hasStarted = false;
  #isOver = false;

  constructor(
    id: string,
    selector: LogSelector,
    options: LogSubscriptionOptions | undefined,
    stream: ResponseStream<SubscribeLogsMessage>,
    around: SubscriptionSurroundings,
  ) {
    const { streams, ...rest } = options ?? DEFAULT_OPTIONS;
    this.id = id;
    this.#selector = selector;
    this.#options = { ...rest, streams: outputStreams(streams) };
    this.#wantsNotices = streams.includes(NOTICES);
    this.#stream = stream;
    this.#around = around;
  }

  start(): void {
    if (this.#isOver) return;
    const { store } = this.#around;
    this.#stream.onDrain(() => this.#passOn());
    const { seen, end } = store.viewAndWatch(
      (read) => selectedTasks(read, this.#selector),
      watched(this.#selector),
      (events) => this.#changed(events),
    );
    this.#endWatch = end;
    for (const task of seen) this.#see(task);
    for (const nodeId of this.#selector.nodeIds) if (!this.#lanes.has(nodeId)) this.#open(nodeId);
    for (const lane of this.#lanes.values()) this.#ask(lane);
    this.#hasStarted = true;
    this.#look();
  }

  concerns(nodeId: string): boolean {
    return this.#lanes.has(nodeId);
  }

  /** A node listens from now on. */
  heard(nodeId: string): void {
    const lane = this.#lanes.get(nodeId);
    if (!lane || (lane.state !== "unheard" && !(this.#options.follow && lane.state === "missing"))) return;
    if (lane.state === "missing") this.#say({ ...NOBODY, nodeId }, `node ${this.#nameOf(nodeId)} is back`);
    this.#ask(lane);
  }

  /** A node listens no more. What it publishes meanwhile still counts. */
  unheard(nodeId: string): void {
    const lane = this.#lanes.get(nodeId);
    if (lane?.state === "asked") this.#ask(lane);
  }

  /** @throws StatusError for a node that was not asked */
  publisher(nodeId: string): Publisher {
    const lane = this.#lanes.get(nodeId);
    if (!lane || lane.state === "done" || lane.state === "missing")
      throw notFound(`node ${nodeId} was not asked for the logs of subscription ${this.id}`);
    const number = ++lane.publisher;
    this.#publishers.get(lane)?.(aborted("another stream of this node took its place"));
    const over = new Promise<never>((_resolve, reject) => this.#publishers.set(lane, reject));
    // Whoever publishes looks at it only while it waits.
    over.catch(() => undefined);
    lane.state = "publishing";
    lane.silentMs = 0;
    const isCurrent = () => !this.#isOver && lane.publisher === number && lane.state === "publishing";
    return {
      over,
      take: async (messages) => {
        if (isCurrent()) await this.#take(lane, messages, over);
      },
      close: () => {
        if (isCurrent()) this.#done(lane);
      },
      broke: () => {
        if (isCurrent()) this.#broke(lane);
      },
    };
  }

  /** The reader has gone, or the broker ends. */
  end(reason?: Error): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#endWatch();
    this.#cancelLook();
    for (const lane of this.#lanes.values()) {
      if (lane.state !== "asked" && lane.state !== "publishing") continue;
      this.#around.listeners.tell(lane.nodeId, { ...this.#message(lane), close: true });
    }
    const over = notFound(`log subscription ${this.id} has ended`);
    for (const reject of this.#publishers.values()) reject(over);
    this.#publishers.clear();
    this.#stream.end(reason);
  }

  get #now(): number {
    return this.#around.clock.now();
  }

  #changed(events: readonly StoreEvent[]): void {
    if (this.#isOver) return;
    for (const { kind, object, action } of events) {
      if (kind === "task" && action !== "remove") this.#see(object);
      else if (kind === "task") this.#forget(object);
      else if (kind === "node") {
        const lane = this.#lanes.get(object.id);
        if (lane && (action === "remove" || object.status?.state === NodeState.DOWN)) this.#nodeLost(lane);
      }
    }
    this.#settle();
  }

  #see(task: Task): void {
    if (!isSelected(this.#selector, task)) return;
    if (isUnplaced(task)) this.#unplaced.set(task.id, taskLabel(task));
    else this.#unplaced.delete(task.id);
    if (task.nodeId === "") return;
    let lane = this.#lanes.get(task.nodeId);
    if (!lane) {
      // What begins later belongs to those who follow.
      if (this.#hasStarted && !this.#options.follow) return;
      lane = this.#open(task.nodeId);
      lane.add(task);
      if (this.#hasStarted) this.#ask(lane);
    } else if (lane.add(task) && this.#options.follow && (lane.state === "done" || lane.state === "missing")) {
      this.#ask(lane);
    }
  }

  #forget({ id, nodeId }: Task): void {
    this.#unplaced.delete(id);
    this.#lanes.get(nodeId)?.remove(id);
  }

  #open(nodeId: string): NodeLane {
    const lane = new NodeLane(nodeId, this.#merge);
    this.#lanes.set(nodeId, lane);
    return lane;
  }

  #ask(lane: NodeLane): void {
    const { listeners, store } = this.#around;
    if (listeners.has(lane.nodeId)) {
      lane.state = "asked";
      lane.silentMs = 0;
      lane.merge.expect();
      listeners.tell(lane.nodeId, this.#message(lane));
      return;
    }
    const node = store.view((read) => read.get("node", lane.nodeId));
    if (!node) this.#miss(lane, "was removed from the swarm");
    else if (node.status?.state !== NodeState.READY) this.#miss(lane, "is not available: it is down");
    else this.#await(lane);
  }

  #await(lane: NodeLane): void {
    lane.state = "unheard";
    lane.silentMs = 0;
    if (this.#options.follow) lane.merge.rest();
    else lane.merge.expect();
    this.#passOn();
  }

  #message(lane: NodeLane) {
    return { id: this.id, selector: this.#selector, options: lane.options(this.#options), close: false };
  }

  async #take(lane: NodeLane, messages: readonly LogMessage[], over: Promise<never>): Promise<void> {
    lane.silentMs = 0;
    for (const { context } of messages) this.#check(lane, context!);
    for (const message of messages)
      if (isNotice(message)) this.#say(message.context, message.data.toString("utf8", 0, MAX_NOTICE_BYTES));
    const lines = lane.fresh(messages.filter((message) => !isNotice(message)));
    if (lines.length > 0) {
      await Promise.race([lane.offer(lines, () => this.#passOn()), over]);
      lane.silentMs = 0;
    } else if (messages.length === 0) {
      lane.saysRest = true;
      lane.merge.rest();
      this.#passOn();
    }
  }

  /** A node speaks for the selected ones of its own tasks. @throws StatusError */
  #check(lane: NodeLane, { taskId, serviceId, nodeId }: LogContext): void {
    if (taskId === "") return;
    const task = lane.task(taskId) ?? this.#around.store.view((read) => read.get("task", taskId));
    const isOwn = task
      ? task.nodeId === nodeId && task.serviceId === serviceId && isSelected(this.#selector, task)
      : lane.hasService(serviceId) && isNamed(this.#selector, { taskId, serviceId, nodeId });
    if (!isOwn) throw permissionDenied(`task ${taskId} is not one that node ${nodeId} was asked for`);
  }

  #done(lane: NodeLane): void {
    lane.state = "done";
    this.#publishers.delete(lane);
    this.#endLane(lane);
  }

  #broke(lane: NodeLane): void {
    this.#publishers.delete(lane);
    if (lane.broke()) this.#ask(lane);
    else this.#miss(lane, "breaks off each time that it is asked");
  }

  #nodeLost(lane: NodeLane): void {
    // Who listens is there, whatever became of its session.
    if (lane.state === "done" || lane.state === "missing" || this.#around.listeners.has(lane.nodeId)) return;
    this.#miss(lane, "went down");
  }

  #miss(lane: NodeLane, reason: string): void {
    this.#publishers.get(lane)?.(notFound(`node ${lane.nodeId} is not waited for any more`));
    this.#publishers.delete(lane);
    lane.cut();
    lane.state = "missing";
    lane.reason = lane.isNeeded ? missingText(this.#nameOf(lane.nodeId), reason, lane.sources) : "";
    if (lane.reason) this.#say({ ...NOBODY, nodeId: lane.nodeId }, lane.reason);
    this.#endLane(lane);
  }

  /** Who follows may hear of the node again. */
  #endLane(lane: NodeLane): void {
    if (this.#options.follow) lane.merge.rest();
    else lane.merge.close();
    this.#passOn();
  }

  #passOn(): void {
    while (!this.#isOver && !this.#stream.blocked && this.#merge.isReady) {
      const messages: LogMessage[] = [];
      for (let bytes = 0; bytes < BATCH_BYTES && this.#merge.isReady; ) {
        const some = this.#merge.take(BATCH_LINES);
        for (const { data } of some) bytes += data.length;
        messages.push(...some);
      }
      this.#quietMs = 0;
      this.#stream.send({ messages });
    }
    this.#settle();
  }

  #say(context: LogContext | undefined, text: string): void {
    if (this.#wantsNotices && !this.#isOver) {
      this.#stream.send({ messages: [notice(context ?? NOBODY, text, this.#now)] });
    }
  }

  /** Ends the stream when there is nothing to come. */
  #settle(): void {
    if (this.#isOver || !this.#hasStarted || !this.#merge.isEmpty) return;
    const lanes = [...this.#lanes.values()];
    const areOver = lanes.every(({ state }) => state === "done" || state === "missing");
    if (this.#options.follow) {
      const { store } = this.#around;
      if (!store.view((read) => isExhausted(read, this.#selector))) return;
      const isQuiet = this.#merge.awaited === 0 && this.#quietMs > FOLLOW_PATIENCE_MS;
      if (!areOver && !isQuiet) return;
    } else if (!areOver) {
      return;
    }
    const reasons = lanes.filter(({ state }) => state === "missing").map(({ reason }) => reason);
    for (const [id, name] of this.#unplaced) reasons.push(unplacedText(name, id));
    this.end(incomplete(reasons.filter(Boolean)));
  }

  /** What took too long. Counted, not read off a clock that somebody may set. */
  #look(): void {
    if (this.#isOver) return;
    this.#quietMs += LOOK_EVERY_MS;
    const { follow } = this.#options;
    for (const lane of this.#lanes.values()) {
      lane.silentMs += LOOK_EVERY_MS;
      const { silentMs } = lane;
      if (lane.state === "unheard") {
        if (silentMs > LISTENER_PATIENCE_MS) this.#miss(lane, "is not available: its agent takes no log subscriptions");
      } else if (!lane.merge.isAwaited) {
      } else if (this.#stream.blocked) {
        lane.silentMs = 0;
      } else if (follow && silentMs > FOLLOW_PATIENCE_MS) {
        lane.saysRest = false;
        lane.merge.rest();
      } else if (silentMs > ANSWER_PATIENCE_MS) {
        this.#miss(lane, `has not answered for ${ANSWER_PATIENCE_MS / 1000} seconds`);
      }
    }
    this.#passOn();
    if (!this.#isOver) this.#cancelLook = this.#around.clock.after(LOOK_EVERY_MS, () => this.#look());
  }

  #nameOf(nodeId: string): string {
    const node = this.#around.store.view((read) => read.get("node", nodeId));
    const hostname = node?.description?.hostname;
    return hostname ? `${hostname} (${nodeId})` : nodeId;
  }
}

const NOBODY: LogContext = { serviceId: "", nodeId: "", taskId: "" };
