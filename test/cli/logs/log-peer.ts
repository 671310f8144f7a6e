/** A manager as far as logs go: a real gRPC server on a unix socket, whose streams are the test's to say. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Server } from "@grpc/grpc-js";
import { ControlService } from "../../../src/api/generated/docker/swarmkit/v1/control.js";
import {
  type LogMessage,
  LogsService,
  type SubscribeLogsMessage,
  type SubscribeLogsRequest,
} from "../../../src/api/generated/docker/swarmkit/v1/logbroker.js";
import type { Service, Task } from "../../../src/api/generated/docker/swarmkit/v1/objects.js";
import { partialService } from "../../../src/api/partial-service.js";
import { type ResponseStream, serverStream, unary } from "../../../src/api/server-call.js";
import { HOST1, HOST2 } from "../fixtures.js";
import { selfMadeCredentials } from "../peer.js";

type Filtered = { readonly filters?: { readonly names: readonly string[]; readonly idPrefixes: readonly string[] } };

export class LogPeer {
  readonly directory = mkdtempSync(join(tmpdir(), "tswarm-cli-"));
  readonly socket = join(this.directory, "control.sock");
  readonly subscribed: SubscribeLogsRequest[] = [];
  services: Service[] = [];
  tasks: Task[] = [];
  /** One for each subscription, in order; the last serves all that follow. */
  answers: ((stream: ResponseStream<SubscribeLogsMessage>) => void)[] = [];
  readonly #server = new Server();

  static async start(): Promise<LogPeer> {
    const peer = new LogPeer();
    await peer.#listen();
    return peer;
  }

  stop(): void {
    this.#server.forceShutdown();
    rmSync(this.directory, { recursive: true, force: true });
  }

  async #listen(): Promise<void> {
    const fail = (line: string) => {
      throw new Error(line);
    };
    const control = {
      listServices: unary(
        (request: Filtered) => ({
          services: this.services.filter((one) => fits(request, one.id, one.spec?.annotations?.name)),
        }),
        fail,
      ),
      listTasks: unary((request: Filtered) => ({ tasks: this.tasks.filter((one) => fits(request, one.id)) }), fail),
      listNodes: unary(() => ({ nodes: [HOST1, HOST2] }), fail),
    };
    this.#server.addService(ControlService, partialService(ControlService, control, fail));
    const subscribeLogs = serverStream<SubscribeLogsRequest, SubscribeLogsMessage>((request, stream) => {
      this.subscribed.push(request);
      const answer = this.answers[this.subscribed.length - 1] ?? this.answers.at(-1);
      answer?.(stream);
    }, fail);
    this.#server.addService(LogsService, partialService(LogsService, { subscribeLogs }, fail));
    await new Promise<void>((resolve, reject) => {
      this.#server.bindAsync(`unix:${this.socket}`, selfMadeCredentials(), (error) =>
        error ? reject(error) : resolve(),
      );
    });
  }
}

/** Sends these and ends, well or with an error. */
export const sending =
  (messages: readonly LogMessage[], error?: Error) =>
  (stream: ResponseStream<SubscribeLogsMessage>): void => {
    stream.send({ messages });
    stream.end(error);
  };

function fits({ filters }: Filtered, id: string, name = ""): boolean {
  if (!filters || (filters.names.length === 0 && filters.idPrefixes.length === 0)) return true;
  return filters.names.includes(name) || filters.idPrefixes.some((prefix) => id.startsWith(prefix));
}
