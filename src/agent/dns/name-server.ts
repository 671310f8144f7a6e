/**
 * The resolver of a node: one per agent, listening in every sandbox. Names come from the shared zones; all else goes upstream.
 *
 * It lives on the main thread and does nothing that waits.
 */
import type { RowUpdate } from "../../api/generated/tswarm/v1/link.js";
import type { ClusterView } from "../cluster-view.js";
import { Forwarder, type ForwarderStats } from "./forwarder.js";
import { nameKey } from "./name.js";
import { ResolvConfFile } from "./resolv-conf.js";
import { decide, type Transport } from "./resolver.js";
import type { Random } from "./response.js";
import { SandboxListener } from "./sandbox-listener.js";
import { SandboxNames, type SandboxNetwork, type SandboxTask } from "./sandbox-names.js";
import { type Exchange, exchange } from "./upstream-exchange.js";
import { ZoneTable } from "./zone-table.js";

export interface NamedSandbox {
  readonly task: SandboxTask;
  readonly namespacePath: string;
  /** In the order in which names are looked for. */
  readonly networks: readonly SandboxNetwork[];
}

/** The part of an endpoint directory that names are made of. */
export interface RowSource {
  view(): ClusterView;
  onChange(listener: (update: RowUpdate) => void): () => void;
}

export interface NameServerOptions {
  readonly directory: RowSource;
  /** Virtual addresses of IPv6 are balanced on this node; false where nobody says so. */
  readonly balancesIpv6?: boolean;
  /** The host's own settings. */
  readonly resolvConfPath?: string;
  readonly log: (line: string) => void;
  readonly random?: Random;
  /** Milliseconds on a clock that only goes forward. */
  readonly now?: () => number;
  readonly exchange?: Exchange;
  readonly upstreamTimeoutMs?: number;
  readonly maxTcpConnections?: number;
  readonly tcpIdleTimeoutMs?: number;
}

export interface NameServerStats extends ForwarderStats {
  sandboxes: number;
  tcpConnections: number;
  queries: number;
  answered: number;
  refused: number;
  ignored: number;
}

/** Queries of one TCP connection that may wait for upstream at once. */
const MAX_OUTSTANDING_PER_CONNECTION = 16;

interface Served {
  readonly sandbox: NamedSandbox;
  readonly listener: SandboxListener;
}

export class NameServer {
  readonly #options: Required<Omit<NameServerOptions, "directory" | "exchange" | "upstreamTimeoutMs">>;
  readonly #zones: ZoneTable;
  readonly #forwarder: Forwarder;
  readonly #served = new Map<string, Served>();
  /** The end of what is under way for a task; it never rejects, the caller has the error. */
  readonly #turns = new Map<string, Promise<void>>();
  readonly #counts = { queries: 0, answered: 0, refused: 0, ignored: 0 };
  readonly #endChanges: () => void;

  /** Follows the directory from here on; nothing listens until a sandbox is added. */
  constructor(options: NameServerOptions) {
    const balancesIpv6 = options.balancesIpv6 ?? false;
    this.#zones = new ZoneTable({ balancesIpv6 });
    this.#options = {
      balancesIpv6,
      resolvConfPath: "/etc/resolv.conf",
      random: (below) => Math.floor(Math.random() * below),
      now: () => performance.now(),
      maxTcpConnections: 64,
      tcpIdleTimeoutMs: 10_000,
      ...options,
    };
    const file = new ResolvConfFile(this.#options.resolvConfPath, this.#options.now);
    this.#forwarder = new Forwarder({
      servers: () => file.servers(),
      exchange: options.exchange ?? exchange,
      log: options.log,
      ...(options.upstreamTimeoutMs === undefined ? {} : { timeoutMs: options.upstreamTimeoutMs }),
    });
    const { directory } = options;
    this.#zones.reconcile(directory.view());
    this.#endChanges = directory.onChange((update) => this.#zones.apply(update, directory.view()));
  }

  /**
   * Begins to answer in a sandbox; one that is served already gets its new networks and aliases.
   * @throws SystemCallError when its namespace cannot be entered or the port is taken
   */
  add(sandbox: NamedSandbox): Promise<void> {
    return this.#inTurn(sandbox.task.id, async () => {
      const before = this.#served.get(sandbox.task.id);
      if (before && JSON.stringify(before.sandbox) === JSON.stringify(sandbox)) return;
      await this.#close(sandbox.task.id);
      this.#served.set(sandbox.task.id, { sandbox, listener: await this.#listen(sandbox) });
    });
  }

  /** Stops answering in the sandbox of a task, and lets go of its namespace. */
  remove(taskId: string): Promise<void> {
    return this.#inTurn(taskId, () => this.#close(taskId));
  }

  /** What a name stands for on one network now, in one family; undefined for a name that it does not know. */
  answers(networkId: string, name: string, family: 4 | 6): readonly string[] | undefined {
    const records = this.#zones.zone(networkId).lookup(nameKey(name));
    return records && [...(family === 4 ? records.four : records.six).addresses].sort();
  }

  async stop(): Promise<void> {
    this.#endChanges();
    await Promise.all([...this.#turns.values()]);
    await Promise.all([...this.#served.keys()].map((taskId) => this.remove(taskId)));
  }

  stats(): NameServerStats {
    let tcpConnections = 0;
    for (const served of this.#served.values()) tcpConnections += served.listener.tcpConnections;
    return { sandboxes: this.#served.size, tcpConnections, ...this.#counts, ...this.#forwarder.stats };
  }

  #listen(sandbox: NamedSandbox): Promise<SandboxListener> {
    const { id, name } = sandbox.task;
    const names = new SandboxNames(sandbox.task, sandbox.networks, (networkId) => this.#zones.zone(networkId));
    return SandboxListener.open({
      namespacePath: sandbox.namespacePath,
      answer: (query, transport) => this.#answer(query, transport, names, id),
      maxTcpConnections: this.#options.maxTcpConnections,
      tcpIdleTimeoutMs: this.#options.tcpIdleTimeoutMs,
      maxOutstandingPerConnection: MAX_OUTSTANDING_PER_CONNECTION,
      onError: (what, error) => this.#options.log(`resolver of ${name}, ${what}: ${error.message}`),
    });
  }

  async #close(taskId: string): Promise<void> {
    const served = this.#served.get(taskId);
    this.#served.delete(taskId);
    await served?.listener.close();
  }

  /** Additions and removals of one sandbox, one after the other: two listeners cannot share its port. */
  #inTurn(taskId: string, work: () => Promise<void>): Promise<void> {
    const turn = (this.#turns.get(taskId) ?? Promise.resolve()).then(work);
    const settled = turn.then(
      () => undefined,
      () => undefined,
    );
    this.#turns.set(taskId, settled);
    void settled.then(() => {
      if (this.#turns.get(taskId) === settled) this.#turns.delete(taskId);
    });
    return turn;
  }

  #answer(
    bytes: Buffer,
    transport: Transport,
    names: SandboxNames,
    taskId: string,
  ): Buffer | Promise<Buffer> | undefined {
    this.#counts.queries++;
    const decision = decide(bytes, transport, names, this.#options.random);
    switch (decision.kind) {
      case "answer":
        this.#counts.answered++;
        return decision.response;
      case "refuse":
        this.#counts.refused++;
        return decision.response;
      case "ignore":
        this.#counts.ignored++;
        return undefined;
      case "forward":
        return this.#forwarder.forward(decision.query, transport, taskId);
    }
  }
}
