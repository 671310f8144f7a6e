/** A namespace that plays a host, with a name server in it, and sandboxes that the server serves. */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { ExecutionContext } from "ava";
import {
  createNamespace,
  inNamespace,
  type Namespace,
  namespaceArguments,
  namespacePath,
  removeNamespace,
} from "../../../netns/index.js";
import { choosePacketFilter } from "../../../netns/packet-filter/choose.js";
import type { Endpoint, ServiceRow } from "../../../src/agent/cluster-view.js";
import type { NameServerOptions } from "../../../src/agent/dns/name-server.js";
import { DNS_PORT } from "../../../src/agent/dns/port.js";
import { RowUpdate } from "../../../src/api/generated-json/tswarm/v1/link.js";
import { testNamespace } from "../../kernel/sandbox-name.js";
import { update } from "../network/rows.js";
import type { FromServer, ToServer } from "./name-server-process.js";
import { SHOP, SHOP_ROWS } from "./sandbox.js";

const run = promisify(execFile);
const PROCESS = fileURLToPath(new URL("name-server-process.js", import.meta.url));
/** Long enough for a fake upstream that shares one slow core with all others. */
const UPSTREAM_TIMEOUT_MS = 2000;

export class DnsHost {
  readonly namespace: Namespace;
  readonly #folder = mkdtempSync(join(tmpdir(), "tswarm-dns-"));
  readonly #sandboxes: string[] = [];
  readonly #options: Partial<NameServerOptions>;
  #server: ChildProcess;

  /** With a server that knows the rows of the shop; removed with the test. */
  static async make(t: ExecutionContext, options: Partial<NameServerOptions> = {}): Promise<DnsHost> {
    const host = new DnsHost(options);
    t.teardown(() => host.remove());
    await host.rows(SHOP_ROWS);
    return host;
  }

  private constructor(options: Partial<NameServerOptions>) {
    this.#options = { upstreamTimeoutMs: UPSTREAM_TIMEOUT_MS, resolvConfPath: this.#resolvConf, ...options };
    this.namespace = createNamespace(testNamespace("host"));
    this.nameServers();
    this.#server = this.#start();
  }

  /** The host's upstream name servers. */
  nameServers(...addresses: string[]): void {
    writeFileSync(this.#resolvConf, addresses.map((address) => `nameserver ${address}\n`).join(""));
  }

  async rows(rows: {
    readonly services: Map<string, ServiceRow>;
    readonly endpoints: Map<string, Endpoint>;
  }): Promise<void> {
    const whole = update({
      services: [...rows.services.values()],
      endpoints: [...rows.endpoints.values()],
      complete: true,
    });
    await this.order({ do: "rows", update: RowUpdate.toJSON(whole) });
  }

  /** A sandbox on the shop's network, with the rule that leads port 53 to the resolver. @returns its namespace's name */
  async sandbox(taskId: string): Promise<string> {
    const name = testNamespace(taskId);
    using namespace = createNamespace(name);
    this.#sandboxes.push(name);
    // The C library asks for no address while the machine has none but loopback's.
    await run("ip", ["-n", name, "link", "add", "eth0", "type", "bridge"]);
    await run("ip", ["-n", name, "addr", "add", "10.0.1.14/24", "dev", "eth0"]);
    await run("ip", ["-n", name, "link", "set", "eth0", "up"]);
    inNamespace(namespace, () =>
      choosePacketFilter().filter.apply(
        (["udp", "tcp"] as const).map((protocol) => ({
          key: `dns/${protocol}`,
          hook: "output",
          match: { protocol, destination: "127.0.0.11/32", destinationPorts: [53] },
          action: { kind: "dnat", address: "127.0.0.11", port: DNS_PORT },
        })),
      ),
    );
    await this.serve(taskId, name);
    return name;
  }

  async serve(taskId: string, namespace: string): Promise<void> {
    await this.order({
      do: "add",
      sandbox: {
        task: { id: taskId, name: `me.1.${taskId}`, hostname: taskId, attachments: [] },
        namespacePath: namespacePath(namespace),
        networks: [SHOP],
      },
    });
  }

  /** @throws what the server threw */
  async order(order: ToServer): Promise<FromServer> {
    this.#server.send(order);
    const [answer] = (await once(this.#server, "message")) as [FromServer];
    if (answer.error !== undefined) throw new Error(answer.error);
    return answer;
  }

  /** The server is killed, and a new one started: nothing is told to it yet. */
  async restart(): Promise<void> {
    await this.#kill();
    this.#server = this.#start();
    await this.rows(SHOP_ROWS);
  }

  async remove(): Promise<void> {
    await this.#kill();
    this.namespace.close();
    for (const name of [...this.#sandboxes, this.namespace.name]) removeNamespace(name);
    rmSync(this.#folder, { recursive: true });
  }

  get #resolvConf(): string {
    return join(this.#folder, "resolv.conf");
  }

  #start(): ChildProcess {
    const program = [PROCESS, JSON.stringify(this.#options)];
    return spawn("nsenter", namespaceArguments(this.namespace.name, process.execPath, program), {
      stdio: ["ignore", "inherit", "inherit", "ipc"],
    });
  }

  async #kill(): Promise<void> {
    if (this.#server.exitCode !== null || this.#server.signalCode !== null) return;
    const exit = once(this.#server, "exit");
    this.#server.kill("SIGKILL");
    await exit;
  }
}

/** dig(1) inside a sandbox. @returns its output, trimmed */
export async function dig(namespace: string, ...args: string[]): Promise<string> {
  const { stdout } = await run(
    "nsenter",
    namespaceArguments(namespace, "dig", ["@127.0.0.11", "+timeout=10", ...args]),
  );
  return stdout.trim();
}

/** The lines of `dig +short`, sorted. */
export async function digShort(namespace: string, ...args: string[]): Promise<string[]> {
  return (await dig(namespace, "+short", ...args))
    .split("\n")
    .filter((line) => line !== "")
    .sort();
}

/** getent(1) inside a sandbox, that is the C library's resolver, with `resolvConf` as its settings. */
export async function getent(namespace: string, resolvConf: string, ...args: string[]): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "tswarm-dns-"));
  try {
    writeFileSync(join(folder, "resolv.conf"), resolvConf);
    const script = `mount --bind ${folder}/resolv.conf "$(readlink -f /etc/resolv.conf)" && exec getent "$@"`;
    const command = ["--mount", "sh", "-c", script, "sh", ...args];
    return (await run("nsenter", namespaceArguments(namespace, "unshare", command))).stdout;
  } finally {
    rmSync(folder, { recursive: true });
  }
}
