/** Three members of a replicated store on loopback, a process each, driven over their channels. */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import type { JoinResult } from "../../src/raft/node/raft.js";
import type { MemberOrder } from "./member.js";
import { freePorts } from "./ports.js";
import type { MemberStart, WritersResult } from "./store-member.js";

const PROGRAM = resolve(import.meta.dirname, "member.js");

export class Members {
  readonly #directory: string;
  readonly #processes: ChildProcess[] = [];

  private constructor(directory: string) {
    this.#directory = directory;
  }

  /** @param folder on the disk that is measured. The first one leads. */
  static async start(folder: string, count: number): Promise<Members> {
    const members = new Members(mkdtempSync(join(folder, "members-")));
    try {
      for (const [number, port] of (await freePorts(count)).entries()) await members.#add(number, port);
      while ((await members.#ask(0, { kind: "voters" })) !== count) await new Promise((wake) => setTimeout(wake, 50));
      return members;
    } catch (error) {
      await members.stop();
      throw error;
    }
  }

  async #add(number: number, port: number): Promise<void> {
    const start: MemberStart = { number, port, folder: join(this.#directory, `m${number}`) };
    if (number === 0) {
      await this.#launch(start);
      return;
    }
    const joined = (await this.#ask(0, { kind: "take-in", number, port })) as JoinResult;
    await this.#launch({ ...start, joined });
  }

  async #launch(start: MemberStart): Promise<void> {
    const child = fork(PROGRAM, [JSON.stringify(start)], { stdio: ["ignore", "inherit", "inherit", "ipc"] });
    this.#processes.push(child);
    await reply(child);
  }

  /** So many writers inside the leader, each one transaction after the other. */
  async writers(writers: number, seconds: number): Promise<WritersResult> {
    return (await this.#ask(0, { kind: "writers", writers, seconds })) as WritersResult;
  }

  /** Creates so many tasks by one batch inside the leader. @returns seconds */
  async batch(objects: number): Promise<number> {
    return (await this.#ask(0, { kind: "batch", objects })) as number;
  }

  async #ask(number: number, order: MemberOrder): Promise<unknown> {
    const child = this.#processes[number]!;
    const answered = reply(child);
    child.send(order);
    return answered;
  }

  async stop(): Promise<void> {
    for (const child of this.#processes) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const ended = once(child, "exit");
      // It ends by itself then.
      child.disconnect();
      await ended;
    }
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

async function reply(child: ChildProcess): Promise<unknown> {
  const { result, error } = await new Promise<{ readonly result?: unknown; readonly error?: string }>((done) => {
    const onExit = () => done({ error: "the member's process ended" });
    child.once("exit", onExit);
    child.once("message", (message) => {
      child.off("exit", onExit);
      done(message as { readonly result?: unknown; readonly error?: string });
    });
  });
  if (error) throw new Error(error);
  return result;
}
