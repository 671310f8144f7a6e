/**
 * Messages to nodes as bytes. What many of them have in common (a specification, a network, a secret, the list of managers) is encoded
 * once and copied. The same content goes out by itself, for SwarmKit's calls, or as an order of tswarm's stream.
 */
import { AssignmentChange_AssignmentAction as Action } from "../../api/generated/docker/swarmkit/v1/dispatcher.js";
import { Config, Node, Secret, type Task } from "../../api/generated/docker/swarmkit/v1/objects.js";
import { MessageWriter } from "../../store/encoding/message-writer.js";
import { SharedMessages } from "../../store/encoding/shared-messages.js";
import { writeTask } from "../../store/encoding/task-codec.js";
import type { FeedChange, FeedMessage } from "./assignment-feed.js";

/** "plain": the message alone; "order": in a tswarm.v1.NodeOrder. */
export type Wrapping = "plain" | "order";

/** What all sessions are told alike, encoded: fields 3 to 5 of SessionMessage. */
export type SharedNews = Buffer;

/** Field number × 8 + wire type. */
const ORDER = { session: 10, assignments: 34 } as const;
const SESSION = { id: 10, node: 18 } as const;
const ASSIGNMENTS = { type: 8, appliesTo: 18, resultsIn: 26, change: 34 } as const;
const TASKS = { task: 10 } as const;
const CHANGE = { assignment: 10, action: 16 } as const;
const ITEM = { task: 10, secret: 18, config: 26 } as const;
const OBJECT_ID = 10;
/** Of most of them. */
const LENGTH_BYTES = 2;
const MESSAGE_LENGTH_BYTES = 3;

export class OrderWriter {
  readonly #writer = new MessageWriter(new SharedMessages());

  assignments({ type, appliesTo, resultsIn, changes }: FeedMessage, wrapping: Wrapping): Buffer {
    const writer = this.#writer;
    writer.clear();
    if (wrapping === "order") writer.uint32(ORDER.assignments).fork(MESSAGE_LENGTH_BYTES);
    if (type !== 0) writer.uint32(ASSIGNMENTS.type).int32(type);
    if (appliesTo !== "") writer.uint32(ASSIGNMENTS.appliesTo).string(appliesTo);
    if (resultsIn !== "") writer.uint32(ASSIGNMENTS.resultsIn).string(resultsIn);
    for (const change of changes) {
      writer.uint32(ASSIGNMENTS.change).fork(LENGTH_BYTES).uint32(CHANGE.assignment).fork(LENGTH_BYTES);
      this.#item(change);
      writer.join();
      if (change.action === Action.REMOVE) writer.uint32(CHANGE.action).int32(change.action);
      writer.join();
    }
    if (wrapping === "order") writer.join();
    return writer.finish() as Buffer;
  }

  /** SwarmKit's TasksMessage. */
  tasks(tasks: Iterable<Task>): Buffer {
    const writer = this.#writer;
    writer.clear();
    for (const task of tasks) {
      writer.uint32(TASKS.task).fork(LENGTH_BYTES);
      writeTask(task, writer);
      writer.join();
    }
    return writer.finish() as Buffer;
  }

  session(sessionId: string, node: Node, shared: SharedNews, wrapping: Wrapping): Buffer {
    const writer = this.#writer;
    writer.clear();
    writer.uint32(SESSION.id).string(sessionId).uint32(SESSION.node).fork(LENGTH_BYTES);
    Node.encode(node, writer.generated);
    writer.join();
    const own = writer.finish();
    if (wrapping === "plain") return Buffer.concat([own, shared]);
    writer.uint32(ORDER.session).uint32(own.length + shared.length);
    return Buffer.concat([writer.finish(), own, shared]);
  }

  #item(change: FeedChange): void {
    const writer = this.#writer;
    if (change.action === Action.REMOVE) {
      writer.uint32(ITEM[change.kind]).fork().uint32(OBJECT_ID).string(change.id).join();
      return;
    }
    const { item } = change;
    if (item.kind === "task") {
      writer.uint32(ITEM.task).fork(LENGTH_BYTES);
      writeTask(item.object, writer);
      writer.join();
    } else if (item.kind === "secret") {
      writer.sharedField(ITEM.secret, item.object, Secret);
    } else {
      writer.sharedField(ITEM.config, item.object, Config);
    }
  }
}
