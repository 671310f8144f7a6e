/** One session of a node with this manager, and what it is told: by one stream, or by two. */
import type { Node } from "../../api/generated/docker/swarmkit/v1/objects.js";
import type { Store } from "../../store/store.js";
import { AssignmentFeed, type FeedMessage } from "./assignment-feed.js";
import type { NodeSession } from "./node-sessions.js";
import type { OrderWriter, SharedNews, Wrapping } from "./order-writer.js";
import { concernsAgent, type SessionNews } from "./session-news.js";

/** Where messages go. */
export interface Outlet {
  readonly wrapping: Wrapping;
  /** It takes nothing now: what comes up waits, and goes out as one message. */
  readonly blocked: boolean;
  send(message: Buffer): void;
}

export interface SeatOptions {
  readonly session: NodeSession;
  readonly store: Store;
  readonly news: SessionNews;
  readonly writer: OrderWriter;
}

export class Seat {
  readonly #options: SeatOptions;
  #session: Outlet | undefined;
  #assignments:
    | { readonly outlet: Outlet; readonly feed: AssignmentFeed; readonly encode: (message: FeedMessage) => Buffer }
    | undefined;
  #toldNode: Node | undefined;
  #toldNews: SharedNews | undefined;

  constructor(options: SeatOptions) {
    this.#options = options;
  }

  get session(): NodeSession {
    return this.#options.session;
  }

  get nodeId(): string {
    return this.#options.session.nodeId;
  }

  /** From now on the node is told of itself and the cluster there, first all. */
  tellSession(outlet: Outlet): void {
    this.#session = outlet;
    this.#tell();
  }

  /** From now on the node is told there what it is to run, first all of it. */
  tellAssignments(outlet: Outlet): void {
    const { writer } = this.#options;
    const feed = new AssignmentFeed(this.nodeId);
    this.#feed(outlet, feed, (message) => writer.assignments(message, outlet.wrapping));
  }

  /** The same for agents that know no assignments: all tasks of the node, over again with each change, and nothing that they need. */
  tellTasks(outlet: Outlet): void {
    const { writer } = this.#options;
    const feed = new AssignmentFeed(this.nodeId);
    this.#feed(outlet, feed, () => writer.tasks(feed.told));
  }

  #feed(outlet: Outlet, feed: AssignmentFeed, encode: (message: FeedMessage) => Buffer): void {
    this.#assignments = { outlet, feed, encode };
    const message = this.#options.store.view((read) => feed.complete(read.find("task", "node", this.nodeId), read));
    outlet.send(encode(message));
  }

  endAssignments(outlet: Outlet): void {
    if (this.#assignments?.outlet === outlet) this.#assignments = undefined;
  }

  /** The session is over. */
  close(): void {
    this.#session = undefined;
    this.#assignments = undefined;
  }

  /** A task of the node has changed; undefined when it is gone. @returns whether there is something to send */
  noteTask(id: string, task: Parameters<AssignmentFeed["note"]>[1]): boolean {
    return this.#assignments?.feed.note(id, task) ?? false;
  }

  /** Sends what there is to send, but for what is blocked. */
  flush(): void {
    this.#tell();
    if (!this.#assignments || this.#assignments.outlet.blocked) return;
    const { outlet, feed, encode } = this.#assignments;
    const message = this.#options.store.view((read) => feed.next(read));
    if (message) outlet.send(encode(message));
  }

  #tell(): void {
    const { session, store, news, writer } = this.#options;
    const outlet = this.#session;
    if (!outlet || outlet.blocked) return;
    const node = store.view((read) => read.get("node", this.nodeId));
    const isSameNode = node && this.#toldNode && !concernsAgent(node, this.#toldNode);
    if (!node || (isSameNode && this.#toldNews === news.bytes)) return;
    this.#toldNode = node;
    this.#toldNews = news.bytes;
    outlet.send(writer.session(session.id, node, news.bytes, outlet.wrapping));
  }
}
