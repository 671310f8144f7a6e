/** From root to root while everybody works: three managers and two workers as real processes, clients at every door. */
import { execFile } from "node:child_process";
import { cpSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { promisify } from "node:util";
import test from "ava";
import { type RequestResult, readAnswers } from "../../scripts/demo/answers.js";
import { Cluster } from "../../scripts/fabric/cluster.js";
import { certificateFacts } from "../../src/security/pki/certificate-facts.js";
import type { CertifiedKey } from "../../src/security/pki/certified-key.js";
import { makeRootCa } from "../../src/security/pki/root-ca.js";
import { OpenSsl } from "../security/pki/openssl.js";
import { ManagerClient } from "./manager-client.js";

const MANAGERS = ["host1", "host2", "host3"];
const WORKERS = ["host4", "host5"];
const HOSTS = [...MANAGERS, ...WORKERS];
const CONTROL = resolve(import.meta.dirname, "../../src/cli/main.js");
const NEW_CONNECTIONS = resolve(import.meta.dirname, "new-connections.js");
/** Of a call: only what never comes, or is refused, counts as failed. */
const TIMEOUT_MS = 30_000;
const THINK_MS = 50;
const ROTATION_MS = 120_000;

/** Where a host keeps its agent's certificate, and its manager's. */
const agentFolder = (cluster: Cluster, host: string) => join(cluster.stateDir(host), "certificates");
const managerFolder = (cluster: Cluster, host: string) => join(cluster.stateDir(host), "manager", "certificates");

/** Goes on from its making until it is stopped: writes and reads at every manager, and new connections of a worker to every manager. */
class Load {
  readonly failures: string[] = [];
  calls = 0;
  readonly #cluster: Cluster;
  readonly #stop = new AbortController();
  readonly #work: Promise<unknown>;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
    this.#work = Promise.all([...MANAGERS.map((host) => this.#client(host)), this.#connections()]);
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#work;
  }

  async #client(host: string): Promise<void> {
    const client = new ManagerClient(this.#cluster.socketOf(host), TIMEOUT_MS);
    for (let count = 0; !this.#stop.signal.aborted; count++) {
      try {
        const { id } = await client.createService(`${host}-${count}`);
        await client.readService(id);
        this.calls += 2;
      } catch (error) {
        this.failures.push(`${new Date().toISOString()} ${host}: ${(error as Error).message}`);
      }
      await pause(THINK_MS);
    }
    client.close();
  }

  async #connections(): Promise<void> {
    const [worker] = WORKERS as [string];
    const managers = MANAGERS.map((host) => this.#cluster.remoteAddress(host));
    const folder = agentFolder(this.#cluster, worker);
    const child = this.#cluster.spawn("client", [
      process.execPath,
      NEW_CONNECTIONS,
      folder,
      String(THINK_MS),
      ...managers,
    ]);
    let text = "";
    child.stdout!.on("data", (part: Buffer) => {
      text += part.toString();
    });
    const ended = new Promise((resolve) => child.once("close", resolve));
    this.#stop.signal.addEventListener("abort", () => child.kill("SIGTERM"));
    await ended;
    const results = readAnswers(text);
    this.calls += results.filter(({ answer }) => answer !== undefined).length;
    for (const { error } of results) if (error !== undefined) this.failures.push(error);
    if (results.length === 0) this.failures.push("no new connection was made");
  }
}

interface ShownRoot {
  readonly rootCa: string;
  readonly rotating: boolean;
}

const run = promisify(execFile);

class Story {
  readonly #rootFiles: OpenSsl;

  constructor(
    readonly cluster: Cluster,
    openssl: OpenSsl,
  ) {
    this.#rootFiles = openssl;
  }

  /** What tsctl prints. This process goes on meanwhile: it is a client that answers the managers' pings. */
  async control(asked: string, ...args: readonly string[]): Promise<string> {
    const { stdout } = await run(process.execPath, [CONTROL, "-s", this.cluster.socketOf(asked), ...args]);
    return stdout;
  }

  async root(asked = "host1"): Promise<ShownRoot> {
    return JSON.parse(await this.control(asked, "ca", "--format", "json")) as ShownRoot;
  }

  /** Begins a change of the root. @param by the manager that is asked. @param own instead of one that the cluster makes */
  async rotate(by: string, own?: CertifiedKey): Promise<void> {
    const file = (name: string, text: string) => join(this.#rootFiles.folder, this.#rootFiles.write(name, text));
    const flags = own
      ? ["--ca-cert", file("own.crt", own.certificatePem), "--ca-key", file("own.key", own.keyPem)]
      : [];
    await this.control(by, "ca", "--rotate", "--detach", ...flags);
  }

  untilRotated(): Promise<void> {
    const isOver = async () => !(await this.root()).rotating;
    return this.cluster.until("the cluster has turned to the next root", isOver, ROTATION_MS);
  }

  /** Every certificate of a host that runs: its agent's, and its manager's where it has one. */
  certificates(host: string): readonly { readonly folder: string; readonly chain: string; readonly roots: string }[] {
    const folders = [agentFolder(this.cluster, host)];
    if (MANAGERS.includes(host)) folders.push(managerFolder(this.cluster, host));
    return folders.map((folder) => {
      const read = (name: string) => readFileSync(join(folder, name), "utf8");
      return { folder, chain: read("swarm-node.crt"), roots: read("swarm-root-ca.crt") };
    });
  }

  /** Every host of these trusts this root and no other, and shows certificates that are of it alone. */
  async untilAllTrust(rootPem: string, hosts: readonly string[] = HOSTS): Promise<void> {
    await this.cluster.until("all trust the one root", () =>
      hosts.every((host) => this.certificates(host).every(({ roots }) => roots.trim() === rootPem.trim())),
    );
  }

  /** What breaks off is said in a daemon's log. */
  brokenLines(host: string, from: number): readonly string[] {
    const text = readFileSync(join(this.cluster.directory, `${host}.log`), "utf8").slice(from);
    return text
      .split("\n")
      .filter((line) =>
        /session with the dispatcher ended|link to the manager at .* broke|was not renewed|cannot/.test(line),
      );
  }

  logSizes(): ReadonlyMap<string, number> {
    return new Map(HOSTS.map((host) => [host, readFileSync(join(this.cluster.directory, `${host}.log`)).length]));
  }
}

test("the root changes while clients write and agents hold their sessions: not one request fails, and the old root is worth nothing", async (t) => {
  t.timeout(900_000);
  const openssl = new OpenSsl(t);
  const cluster = await Cluster.start({
    tag: `o${process.pid % 10000}`,
    hosts: HOSTS,
    managers: MANAGERS,
    clients: ["client"],
    timeoutMs: 120_000,
  });
  const story = new Story(cluster, openssl);
  let load: Load | undefined;
  try {
    const before = (await story.root()).rootCa;
    const stolen = join(cluster.directory, "stolen");
    cpSync(agentFolder(cluster, "host5"), stolen, { recursive: true });
    const logs = story.logSizes();
    load = new Load(cluster);
    await story.rotate("host2");
    await story.untilRotated();
    const after = (await story.root()).rootCa;
    t.not(after, before);
    await story.untilAllTrust(after);
    for (const host of HOSTS) {
      t.is((await story.root(MANAGERS.includes(host) ? host : "host1")).rootCa, after);
      for (const { folder, chain } of story.certificates(host)) {
        const verified = openssl.verify(chain, after);
        t.true(verified.ok, `${folder}: ${verified.text}`);
        t.false(openssl.verify(leafOf(chain), before).ok, `${folder}: of the new root alone`);
      }
      t.deepEqual(story.brokenLines(host, logs.get(host)!), [], host);
    }
    const refused = connectOnce(cluster, stolen);
    t.is(refused.length, MANAGERS.length);
    for (const { error } of refused) t.truthy(error, "a certificate of the old root is refused");

    // One that the user gives; then one which is replaced on its way, and one that is given up, while a host is away.
    const own = makeRootCa(Date.now(), { commonName: "our own root" });
    await story.rotate("host3", own);
    await story.untilRotated();
    t.is(certificateFacts((await story.root()).rootCa).subject.commonName, "our own root");
    await story.untilAllTrust(own.certificatePem);
    await cluster.stopDaemon("host5");
    await story.rotate("host1");
    await cluster.until("host4 has a certificate of the second root", () => {
      const [agent] = story.certificates("host4");
      return !openssl.verify(leafOf(agent!.chain), own.certificatePem).ok;
    });
    const other = makeRootCa(Date.now(), { commonName: "another root" });
    await story.rotate("host2", other);
    await cluster.until("host4 has a certificate of the third root", () => {
      const [agent] = story.certificates("host4");
      return openssl.verify(agent!.chain, other.certificatePem).ok;
    });
    t.true((await story.root()).rotating, "a host that is away is waited for");
    // Its certificate is enough, and nobody is waited for.
    const present = join(openssl.folder, openssl.write("present.crt", own.certificatePem));
    t.is((await story.control("host1", "ca", "--rotate", "--ca-cert", present)).trim(), own.certificatePem.trim());
    t.false((await story.root()).rotating);
    t.is((await story.root()).rootCa.trim(), own.certificatePem.trim(), "the root of before");
    await story.untilAllTrust(own.certificatePem, HOSTS.slice(0, -1));
    await cluster.startDaemon("host5");
    await cluster.until("host5 is back", async () => {
      const nodes = JSON.parse(await story.control("host1", "node", "ls", "--format", "json")) as {
        hostname: string;
        status: string;
      }[];
      return nodes.some(({ hostname, status }) => hostname === "host5" && status === "ready");
    });
    for (const host of HOSTS.slice(0, -1)) t.deepEqual(story.brokenLines(host, logs.get(host)!), [], host);
    await load.stop();
    t.log(`${load.calls} calls`);
    t.deepEqual(load.failures, []);
    t.true(load.calls > 100);
  } catch (error) {
    t.log(cluster.logs());
    t.log(load?.failures);
    throw error;
  } finally {
    await load?.stop();
    await cluster.remove();
  }
});

function leafOf(chain: string): string {
  const end = "-----END CERTIFICATE-----\n";
  return chain.slice(0, chain.indexOf(end) + end.length);
}

/** One connection to each manager. */
function connectOnce(cluster: Cluster, folder: string): readonly RequestResult[] {
  const managers = MANAGERS.map((host) => cluster.remoteAddress(host));
  return readAnswers(cluster.run("client", [process.execPath, NEW_CONNECTIONS, folder, "once", ...managers]));
}
