/** SwarmKit's calls of an agent: two streams, and calls for heartbeats and statuses. */
import {
  type AssignmentsRequest,
  DispatcherService,
  type HeartbeatRequest,
  type HeartbeatResponse,
  type SessionRequest,
  type TasksRequest,
  type UpdateTaskStatusRequest,
  type UpdateTaskStatusResponse,
} from "../../api/generated/docker/swarmkit/v1/dispatcher.js";
import { partialService } from "../../api/partial-service.js";
import { type ResponseStream, serverStream, unary } from "../../api/server-call.js";
import { durationOf } from "../../api/time.js";
import { writing } from "../write-error.js";
import type { Dispatcher } from "./dispatcher.js";
import { reportsOf } from "./reports-of.js";
import type { Outlet, Seat } from "./seat.js";

export function swarmKitDispatcher(dispatcher: Dispatcher, log: (line: string) => void) {
  return partialService(
    DispatcherService,
    {
      session: serverStream(async ({ description }: SessionRequest, stream: ResponseStream<Buffer>) => {
        const seat = await writing(() => dispatcher.begin(stream.context, description, () => stream.open));
        if (!seat) return;
        seat.session.onEnd((error) => stream.end(error));
        stream.onClose(() => dispatcher.end(seat));
        stream.onDrain(() => dispatcher.drained(seat));
        seat.tellSession(plainOutlet(stream));
      }, log),
      heartbeat: unary(({ sessionId }: HeartbeatRequest, context): HeartbeatResponse => {
        return { period: durationOf(dispatcher.beat(dispatcher.seatOf(context, sessionId))) };
      }, log),
      updateTaskStatus: unary(
        async ({ sessionId, updates }: UpdateTaskStatusRequest, context): Promise<UpdateTaskStatusResponse> => {
          const seat = dispatcher.seatOf(context, sessionId);
          await writing(() => dispatcher.reportAll(seat, reportsOf(updates)));
          return {};
        },
        log,
      ),
      assignments: serverStream(
        ({ sessionId }: AssignmentsRequest, stream: ResponseStream<Buffer>) =>
          tell(sessionId, stream, (seat, outlet) => seat.tellAssignments(outlet)),
        log,
      ),
      tasks: serverStream(
        ({ sessionId }: TasksRequest, stream: ResponseStream<Buffer>) =>
          tell(sessionId, stream, (seat, outlet) => seat.tellTasks(outlet)),
        log,
      ),
    },
    log,
  );

  function tell(sessionId: string, stream: ResponseStream<Buffer>, begin: (seat: Seat, outlet: Outlet) => void): void {
    const seat = dispatcher.seatOf(stream.context, sessionId);
    const outlet = plainOutlet(stream);
    seat.session.onEnd((error) => stream.end(error));
    stream.onClose(() => seat.endAssignments(outlet));
    stream.onDrain(() => dispatcher.drained(seat));
    begin(seat, outlet);
  }
}

function plainOutlet(stream: ResponseStream<Buffer>): Outlet {
  return {
    wrapping: "plain",
    get blocked() {
      return stream.blocked;
    },
    send: (message) => stream.send(message),
  };
}
