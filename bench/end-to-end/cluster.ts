/** Real managers, a process each, and light agents in one process more. */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { joinTokens } from "../../scripts/fabric/control-client.js";
import { callUnary, openChannel } from "../../src/api/client-call.js";
import { ControlService } from "../../src/api/generated/docker/swarmkit/v1/control.js";
import { ServiceSpec } from "../../src/api/generated/docker/swarmkit/v1/specs.js";
import { Any } from "../../src/api/generated/google/protobuf/any.js";
import { ProcessSpec } from "../../src/api/generated/tswarm/v1/process.js";
import { grpcTarget, trustingCredentials } from "../../src/security/transport.js";
import { Managers } from "../raft/managers.js";
import type { AgentsOrder, AgentsReply } from "./agents.js";
import type { LoopDelays } from "./loop-probe.js";
import { loopDelays, withProbes } from "./probes.js";

const AGENTS = resolve(import.meta.dirname, "agents.js");
const CALL_TIMEOUT_MS = 120_000;
/** Of the kernel's accounts (USER_HZ). */
const TICK_MS = 10;

type Member = Managers["all"][number];

export class EndToEnd {
  readonly #managers: Managers;
  readonly #agents: ChildProcess;
  readonly #probes: string;

  private constructor(managers: Managers, probes: string) {
    this.#managers = managers;
    this.#probes = probes;
    this.#agents = fork(AGENTS, [], { stdio: ["ignore", "inherit", "inherit", "ipc"] });
  }

  /** @param folder on the disk that is measured */
  static async start(folder: string, managers: number): Promise<EndToEnd> {
    const probes = join(folder, `probes-${process.hrtime.bigint()}`);
    mkdirSync(probes, { recursive: true });
    return new EndToEnd(await withProbes(probes, () => Managers.start(folder, managers)), probes);
  }

  async stop(): Promise<void> {
    const ended = once(this.#agents, "exit");
    this.#agents.disconnect();
    await ended;
    await this.#managers.stop();
    rmSync(this.#probes, { recursive: true, force: true });
  }

  leader(): Promise<Member> {
    return this.#managers.leader();
  }

  /** So many nodes join and begin their sessions, spread over all managers. @returns seconds for the sessions alone */
  async addAgents(count: number): Promise<number> {
    const leader = await this.leader();
    const tokens = await joinTokens(leader.socket);
    if (!tokens) throw new Error("the cluster has no join tokens");
    await this.ask({ kind: "join", address: leader.address, token: tokens.worker, count });
    const begunMs = Date.now();
    const { atMs } = await this.ask({ kind: "connect", addresses: this.#managers.all.map(({ address }) => address) });
    return (atMs - begunMs) / 1000;
  }

  /** @returns seconds until all run, as the managers have written it down */
  async create(name: string, tasks: number): Promise<number> {
    const begunMs = Date.now();
    await this.#call(ControlService.createService, { spec: specOf(name, tasks) });
    return ((await this.ask({ kind: "running", count: tasks })).atMs - begunMs) / 1000;
  }

  /** @returns seconds until no task is left anywhere */
  async remove(name: string): Promise<number> {
    const { services } = await this.#call(ControlService.listServices, {
      filters: { names: [name], idPrefixes: [], labels: {}, namePrefixes: [], runtimes: [] },
      statusOptions: undefined,
    } as never);
    const begunMs = Date.now();
    await this.#call(ControlService.removeService, { serviceId: services[0]!.id });
    await this.ask({ kind: "running", count: 0 });
    while ((await this.#call(ControlService.listTasks, { filters: undefined })).tasks.length > 0) {
      await new Promise((wake) => setTimeout(wake, 20));
    }
    return (Date.now() - begunMs) / 1000;
  }

  async ask(order: AgentsOrder): Promise<AgentsReply> {
    this.#agents.send(order);
    const [reply] = (await once(this.#agents, "message")) as [AgentsReply];
    if (reply.error) throw new Error(`${order.kind}: ${reply.error}`);
    return reply;
  }

  /** CPU time of each manager so far, ms. The leader comes first. */
  async cpuMs(): Promise<readonly number[]> {
    return (await this.#leaderFirst()).map(({ process: { pid } }) => {
      const [, , ...fields] = readFileSync(`/proc/${pid}/stat`, "utf8").split(/\) |\s/);
      // utime and stime: fields 14 and 15, of which two stand before the name's end.
      return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
    });
  }

  /** Of each manager, the leader first, MB. */
  async rssMb(): Promise<readonly number[]> {
    return (await this.#leaderFirst()).map((member) => this.#managers.rssMb(member));
  }

  /** How long the leader's event loop was held up since the last time. */
  async leaderDelays(): Promise<LoopDelays> {
    return loopDelays((await this.leader()).process.pid!, this.#probes);
  }

  async #leaderFirst(): Promise<readonly Member[]> {
    const leader = await this.leader();
    return [leader, ...this.#managers.all.filter((member) => member !== leader)];
  }

  async #call<Request, Response>(
    method: Parameters<typeof callUnary<Request, Response>>[1],
    request: Request,
  ): Promise<Response> {
    const client = openChannel(grpcTarget((await this.leader()).socket), trustingCredentials(), true);
    try {
      return await callUnary(client, method, request, { timeoutMs: CALL_TIMEOUT_MS });
    } finally {
      client.close();
    }
  }
}

function specOf(name: string, replicas: number): ServiceSpec {
  const value = Buffer.from(ProcessSpec.encode(ProcessSpec.fromPartial({ command: ["/bin/true"] })).finish());
  const payload = Any.fromPartial({ typeUrl: "type.googleapis.com/tswarm.v1.ProcessSpec", value });
  return ServiceSpec.fromPartial({
    annotations: { name },
    task: { runtime: { $case: "generic", value: { kind: "process", payload } } },
    mode: { $case: "replicated", value: { replicas } },
  });
}
