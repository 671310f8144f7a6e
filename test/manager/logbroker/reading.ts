/** A reader of logs at a manager's control socket. */
import type { Client, ClientReadableStream, ServiceError } from "@grpc/grpc-js";
import {
  type LogMessage,
  LogsService,
  type SubscribeLogsMessage,
  SubscribeLogsRequest,
} from "../../../src/api/generated/docker/swarmkit/v1/logbroker.js";
import { isNotice } from "../../../src/api/logs/notice.js";

export class Reading {
  readonly messages: LogMessage[] = [];
  readonly call: ClientReadableStream<SubscribeLogsMessage>;
  isOver = false;
  error: ServiceError | undefined;

  constructor(client: Client, request: Parameters<typeof SubscribeLogsRequest.fromPartial>[0]) {
    const { path, requestSerialize, responseDeserialize } = LogsService.subscribeLogs;
    const value = SubscribeLogsRequest.fromPartial(request);
    this.call = client.makeServerStreamRequest(path, requestSerialize, responseDeserialize, value);
    this.call.on("data", ({ messages }: SubscribeLogsMessage) => this.messages.push(...messages));
    this.call.on("error", (error: ServiceError) => {
      this.error = error;
      this.isOver = true;
    });
    this.call.on("end", () => {
      this.isOver = true;
    });
  }

  get lines(): readonly string[] {
    return this.messages.filter((message) => !isNotice(message)).map(({ data }) => data.toString());
  }

  get notices(): readonly string[] {
    return this.messages.filter(isNotice).map(({ data }) => data.toString());
  }
}
