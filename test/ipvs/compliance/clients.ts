/** Clients in a test host. Errors come as their codes, so that tests can say what they expect. */
import type { Socket as UdpSocket } from "node:dgram";
import { once } from "node:events";
import type { Socket } from "node:net";
import { connectTcp, openUdpSocket } from "../../../netns/index.js";
import { anyAddress } from "./servers.js";
import type { TestHost } from "./test-network.js";

/** Long enough for a kernel that runs as a process, twenty times slower than the machine. */
const ANSWER_TIMEOUT_MS = 20_000;

/**
 * Each connection has a source port of its own. Of two that come from one port, by two virtual addresses, to one backend, a kernel with IPVS
 * lets only the first pass, until it has forgotten that: a port that the kernel picks is now and then such a one.
 */
const SOURCE_PORTS = { first: 10_000, last: 32_000 };
let sourcePort = SOURCE_PORTS.first;

function nextSourcePort(): number {
  sourcePort = sourcePort < SOURCE_PORTS.last ? sourcePort + 1 : SOURCE_PORTS.first;
  return sourcePort;
}

export interface Answer {
  /** Name of the server that answered. */
  readonly by: string;
  /** The client's address as the server saw it. */
  readonly saw: string;
}

/** One connection: its greeting. @throws Error with `code` */
export async function ask(from: TestHost, address: string, port: number): Promise<Answer> {
  const conversation = await Conversation.open(from, address, port);
  conversation.close();
  return conversation.greeting;
}

/** The outcome of one connection: who answered, or the error's code. */
export async function outcome(from: TestHost, address: string, port: number): Promise<string> {
  try {
    return (await ask(from, address, port)).by;
  } catch (error) {
    return codeOf(error);
  }
}

/** How many of `count` connections, one after the other, each server answered. */
export async function spread(from: TestHost, address: string, port: number, count: number) {
  const counts: Record<string, number> = {};
  for (let index = 0; index < count; index++) {
    const by = await outcome(from, address, port);
    counts[by] = (counts[by] ?? 0) + 1;
  }
  return counts;
}

/** A TCP connection that stays open. */
export class Conversation {
  readonly #socket: Socket;
  #buffer = "";
  #error: unknown;
  greeting: Answer = { by: "", saw: "" };

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setEncoding("utf8");
    socket.on("data", (text: string) => {
      this.#buffer += text;
      socket.emit("text");
    });
    socket.on("error", (error) => {
      this.#error = error;
    });
    socket.on("close", () => socket.emit("text"));
  }

  static async open(from: TestHost, address: string, port: number): Promise<Conversation> {
    const source = { address: anyAddress(address), port: nextSourcePort() };
    const socket = connectTcp(from.namespace, { address, port }, source);
    const conversation = new Conversation(socket);
    await within(once(socket, "connect"), `connection from ${from.name} to ${address}:${port}`, () => socket.destroy());
    conversation.greeting = parseAnswer(await conversation.#line());
    return conversation;
  }

  /** Sends a line and waits for the answer. @throws Error with `code` when the connection ends instead */
  async say(text: string): Promise<string> {
    this.#socket.write(`${text}\n`);
    return this.#line();
  }

  close(): void {
    this.#socket.destroy();
  }

  async #line(): Promise<string> {
    for (;;) {
      const end = this.#buffer.indexOf("\n");
      if (end >= 0) {
        const line = this.#buffer.slice(0, end);
        this.#buffer = this.#buffer.slice(end + 1);
        return line;
      }
      if (this.#error) throw this.#error;
      if (this.#socket.closed) throw Object.assign(new Error("the connection ended"), { code: "END" });
      await within(once(this.#socket, "text", { signal: undefined }), "a line", () => this.#socket.destroy());
    }
  }
}

/** A UDP socket with one peer, as a resolver or a game uses it: errors of the peer come back to it. */
export class UdpCaller {
  private constructor(readonly socket: UdpSocket) {}

  static async open(from: TestHost, address: string, port: number): Promise<UdpCaller> {
    const socket = await openUdpSocket(from.namespace, { address: anyAddress(address), port: 0 });
    const connected = once(socket, "connect");
    socket.connect(port, address);
    await connected;
    return new UdpCaller(socket);
  }

  /** Sends one datagram and waits for the answer. @throws Error with `code` */
  async ask(text = "hello"): Promise<Answer> {
    const answer = once(this.socket, "message");
    this.socket.send(text);
    const [message] = (await within(answer, "a datagram", () => this.socket.close())) as [Buffer];
    return parseAnswer(message.toString());
  }

  async outcome(text?: string): Promise<string> {
    try {
      return (await this.ask(text)).by;
    } catch (error) {
      return codeOf(error);
    }
  }

  close(): void {
    this.socket.close();
  }
}

export function codeOf(error: unknown): string {
  return (error as { code?: string }).code ?? String(error);
}

/** Waits until the condition holds, looking again and again. */
export async function until(what: string, condition: () => Promise<boolean>): Promise<void> {
  const end = Date.now() + ANSWER_TIMEOUT_MS;
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`${what}: not within ${ANSWER_TIMEOUT_MS} ms`);
  }
}

function parseAnswer(line: string): Answer {
  const [by = "", saw = ""] = line.trim().split(" ");
  return { by, saw };
}

async function within<T>(work: Promise<T>, what: string, giveUp: () => void): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      giveUp();
      reject(Object.assign(new Error(`${what}: nothing within ${ANSWER_TIMEOUT_MS} ms`), { code: "TIMEOUT" }));
    }, ANSWER_TIMEOUT_MS);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
