/** Three real managers on loopback, a process each. */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import { ManagerSeat } from "../../scripts/fabric/manager-seat.js";
import { callUnary, openChannel } from "../../src/api/client-call.js";
import { LocalManagerService, type ManagerStatusResponse } from "../../src/api/generated/tswarm/v1/manager.js";
import { grpcTarget, trustingCredentials } from "../../src/security/transport.js";
import type { LoadOrder, LoadResult } from "./load.js";
import { freePorts } from "./ports.js";

const PROGRAM = resolve(import.meta.dirname, "../../src/manager/main.js");
const LOAD = resolve(import.meta.dirname, "load.js");
const START_TIMEOUT_MS = 20_000;

interface Member {
  readonly name: string;
  readonly socket: string;
  readonly address: string;
  readonly seat: ManagerSeat;
  process: ChildProcess;
}

export class Managers {
  readonly #directory: string;
  readonly #members: Member[] = [];

  private constructor(directory: string) {
    this.#directory = directory;
  }

  /** @param folder on the disk that is measured */
  static async start(folder: string, count: number): Promise<Managers> {
    const managers = new Managers(mkdtempSync(join(folder, "managers-")));
    try {
      const ports = await freePorts(count);
      for (const [index, port] of ports.entries()) {
        await managers.#add(index, port);
        // The next one comes to a cluster that has a leader for sure.
        await managers.allVote();
      }
      return managers;
    } catch (error) {
      await managers.stop();
      throw error;
    }
  }

  get all(): readonly Member[] {
    return this.#members;
  }

  async #add(index: number, port: number): Promise<void> {
    const name = `m${index}`;
    const folder = join(this.#directory, name);
    const first = this.#members[0];
    const member: Member = {
      name,
      socket: join(this.#directory, `${name}.sock`),
      address: `127.0.0.1:${port}`,
      seat: first ? await ManagerSeat.joining(folder, first, console.error) : ManagerSeat.first(folder),
      process: undefined as unknown as ChildProcess,
    };
    this.#members.push(member);
    await this.#launch(member, member.seat.firstFlags);
    if (index === 0) await this.leader();
  }

  /** Waits until every one is a voter that the leader hears of. */
  async allVote(): Promise<void> {
    await this.#until("every manager votes", async () => {
      const status = await this.status((await this.leader()).socket);
      const voters = status.peers.filter(({ voter, reachable, self }) => voter && (reachable || self));
      return voters.length === this.#members.length;
    });
  }

  /** Starts a member whose process has ended. */
  async restart(member: Member): Promise<void> {
    await this.#launch(member, []);
  }

  async #launch(member: Member, more: readonly string[]): Promise<void> {
    const child = spawn(
      process.execPath,
      [
        ...process.execArgv,
        PROGRAM,
        ...["--state-dir", join(this.#directory, member.name, "state"), ...member.seat.flags],
        ...["--listen-control-api", member.socket, "--listen-remote-api", member.address],
        ...["--advertise-remote-api", member.address],
        ...more,
      ],
      { stdio: ["pipe", "pipe", "pipe"] },
    );
    member.process = child;
    let lines = "";
    child.stderr!.on("data", (chunk: Buffer) => {
      lines = (lines + chunk).slice(-2000);
    });
    await new Promise<void>((ready, reject) => {
      createInterface({ input: child.stdout! }).on("line", () => ready());
      child.once("exit", () => reject(new Error(`manager ${member.name} ended: ${lines}`)));
    });
  }

  /** Waits for one that leads. */
  async leader(): Promise<Member> {
    let found: Member | undefined;
    await this.#until("a manager leads", async () => {
      for (const member of this.#members) {
        if (member.process.exitCode !== null || member.process.signalCode !== null) continue;
        const status = await this.status(member.socket).catch(() => undefined);
        if (status && status.raftId !== "0" && status.leaderRaftId === status.raftId) found = member;
      }
      return found !== undefined;
    });
    return found!;
  }

  async status(socket: string): Promise<ManagerStatusResponse> {
    const client = openChannel(grpcTarget(socket), trustingCredentials(), true);
    try {
      return await callUnary(client, LocalManagerService.status, {}, { timeoutMs: 1000 });
    } finally {
      client.close();
    }
  }

  async kill(member: Member): Promise<void> {
    const ended = once(member.process, "exit");
    member.process.kill("SIGKILL");
    await ended;
  }

  /** Memory that a member has in use, MB. */
  rssMb(member: Member): number {
    const [, kb] = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${member.process.pid}/status`, "utf8")) ?? [];
    return Number(kb) / 1024;
  }

  async stop(): Promise<void> {
    for (const { process: child } of this.#members) {
      if (!child || child.exitCode !== null || child.signalCode !== null) continue;
      const ended = once(child, "exit");
      child.kill("SIGKILL");
      await ended;
    }
    await Promise.all(this.#members.map(({ seat }) => seat.close()));
    rmSync(this.#directory, { recursive: true, force: true });
  }

  async #until(what: string, condition: () => Promise<boolean>): Promise<void> {
    const end = Date.now() + START_TIMEOUT_MS;
    while (!(await condition())) {
      if (Date.now() > end) throw new Error(`${what}: not within ${START_TIMEOUT_MS / 1000} s`);
      await new Promise((wake) => setTimeout(wake, 50));
    }
  }
}

/** Runs the generator as a process of its own. */
export async function load(order: LoadOrder): Promise<LoadResult> {
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [LOAD, JSON.stringify(order)]);
  if (stderr) console.error(stderr.trim());
  return JSON.parse(stdout) as LoadResult;
}
