/** The stream on which this node publishes for one subscription. */
import { type Client, Metadata, type ServiceError } from "@grpc/grpc-js";
import {
  LogBrokerService,
  type LogMessage,
  type PublishLogsMessage,
  type PublishLogsResponse,
} from "../../api/generated/docker/swarmkit/v1/logbroker.js";

export interface LogPublisher {
  /** Resolves when the next may be sent. No messages: there are none at present. @throws Error when the manager takes no more */
  send(messages: readonly LogMessage[]): Promise<void>;
  /** That was all. @throws Error as above */
  close(): Promise<void>;
  /** Breaks off. */
  cancel(): void;
}

export function openPublisher(client: Client, subscriptionId: string): LogPublisher {
  const { path, requestSerialize, responseDeserialize } = LogBrokerService.publishLogs;
  let over: Error | undefined;
  let noticeEnd: () => void = () => {};
  const ended = new Promise<void>((resolve) => {
    noticeEnd = resolve;
  });
  const call = client.makeClientStreamRequest<PublishLogsMessage, PublishLogsResponse>(
    path,
    requestSerialize,
    responseDeserialize,
    new Metadata(),
    {},
    (error: ServiceError | null) => {
      over = error ?? new Error("the manager has ended the subscription");
      noticeEnd();
    },
  );
  const write = async (message: PublishLogsMessage): Promise<void> => {
    if (over) throw over;
    if (call.write(message)) return;
    let drained: () => void = () => {};
    const drain = new Promise<void>((resolve) => {
      drained = resolve;
    });
    call.once("drain", drained);
    await Promise.race([drain, ended]);
    call.off("drain", drained);
    if (over) throw over;
  };
  return {
    send: (messages) => write({ subscriptionId, messages, close: false }),
    close: async () => {
      await write({ subscriptionId, messages: [], close: true });
      call.end();
      await ended;
    },
    cancel: () => call.cancel(),
  };
}
