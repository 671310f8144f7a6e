/** A name server of the outside world at one address of the host's namespace, UDP and TCP, that answers as a test says. */
import type { Socket as UdpSocket } from "node:dgram";
import type { Server } from "node:net";
import type { ExecutionContext } from "ava";
import { listenTcp, type Namespace, openUdpSocket } from "../../../netns/index.js";
import type { DnsMessage } from "../../../src/agent/dns/message.js";
import { parseMessage } from "../../../src/agent/dns/message-reader.js";
import { encodeMessage } from "../../../src/agent/dns/message-writer.js";
import { FrameReader, frame } from "../../../src/agent/dns/tcp-framing.js";

export interface Asked {
  readonly transport: "udp" | "tcp";
  readonly query: DnsMessage;
}

/** @returns an answer, or undefined for silence */
export type Respond = (
  asked: Asked,
) => (Partial<Pick<DnsMessage, "answers">> & Partial<DnsMessage["header"]>) | undefined;

export class FakeUpstream {
  readonly asked: Asked[] = [];
  readonly #respond: Respond;

  static async open(t: ExecutionContext, host: Namespace, address: string, respond: Respond): Promise<FakeUpstream> {
    const upstream = new FakeUpstream(respond);
    const udp: UdpSocket = await openUdpSocket(host, { address, port: 53 });
    udp.on("message", (bytes, client) => {
      const answer = upstream.#answer("udp", bytes);
      if (answer) udp.send(answer, client.port, client.address);
    });
    const tcp: Server = await listenTcp(host, { address, port: 53 }, (socket) => {
      const reader = new FrameReader();
      socket.on("data", (chunk) => {
        for (const bytes of reader.push(chunk)) {
          const answer = upstream.#answer("tcp", bytes);
          if (answer) socket.write(frame(answer));
        }
      });
    });
    t.teardown(() => {
      udp.close();
      tcp.close();
    });
    return upstream;
  }

  private constructor(respond: Respond) {
    this.#respond = respond;
  }

  names(): string[] {
    return this.asked.map((one) => one.query.questions[0]!.name);
  }

  #answer(transport: "udp" | "tcp", bytes: Buffer): Buffer | undefined {
    const query = parseMessage(bytes);
    this.asked.push({ transport, query });
    const response = this.#respond({ transport, query });
    if (!response) return undefined;
    const { answers = [], ...header } = response;
    return encodeMessage({
      ...query,
      header: { ...query.header, response: true, recursionAvailable: true, ...header },
      answers,
    });
  }
}

/** One A record for whatever was asked. */
export function address(query: DnsMessage, ...bytes: number[]): DnsMessage["answers"] {
  return [
    {
      name: query.questions[0]!.name,
      type: 1,
      class: 1,
      ttlSeconds: 60,
      data: { kind: "address", bytes: Buffer.from(bytes) },
    },
  ];
}
