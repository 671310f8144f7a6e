/**
 * Namespaces that play hosts, joined by veths to one bridge. Made and looked at with ip(8) and bridge(8), which know nothing
 * of the code under test; all names hold the process's id.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { namespacePrefix } from "../../netns/names.js";
import { inNamespace, listNamespaces, openNamespace, removeNamespace } from "../../netns/namespace.js";
import { remainingDrift } from "../../overlay/drift.js";
import { expectedNode } from "../../overlay/expected-state.js";
import { observe } from "../../overlay/observe.js";
import { type ReconcileRequest, type ReconcileResult, reconcile } from "../../overlay/reconcile.js";
import { removeAll } from "../../overlay/remove-all.js";
import type { NodeWanted } from "../../overlay/wanted.js";

export const GATEWAY_BRIDGE = "tsw_gw";
let counter = 0;

export class TestHost {
  readonly namespace: string;
  readonly nodeId: string;

  constructor(
    tag: string,
    number: number,
    /** On the wire between the hosts. */
    readonly address: string,
  ) {
    this.namespace = `tsw-bed${tag}-host${number}`;
    this.nodeId = `${tag}${number}example`;
  }

  /** Runs synchronous work with the thread in the host's namespace. */
  run<T>(work: () => T): T {
    using namespace = openNamespace(this.namespace);
    return inNamespace(namespace, work);
  }

  reconcile(wanted: NodeWanted, more: Partial<ReconcileRequest> = {}): ReconcileResult {
    return this.run(() => reconcile({ nodeId: this.nodeId, wanted, ...more }));
  }

  /** What is not as wanted, as "state kind key attributes". */
  drift(wanted: NodeWanted): readonly string[] {
    const rows = this.run(() => remainingDrift(observe(expectedNode(wanted, this.nodeId)), wanted));
    return rows.map(({ state, kind, key, attributes = [] }) => [state, kind, key, ...attributes].join(" "));
  }
}

export interface BedOptions {
  readonly hosts: number;
  /** Of the wire between the hosts. */
  readonly mtu?: number;
}

export class HostBed {
  readonly hosts: readonly TestHost[];
  /** On the wire too, and no member. */
  readonly client: string;
  readonly clientAddress = "192.168.200.100";
  readonly #wire: string;
  readonly #made: string[] = [];

  constructor({ hosts, mtu = 1500 }: BedOptions) {
    // The process's id and a counter, in the 7 characters that are left of a node id's 8.
    const tag = `${process.pid.toString(36).padStart(5, "0").slice(-5)}${(counter++).toString(36).padStart(2, "0")}`;
    this.#wire = `tsw-bed${tag}-wire`;
    this.client = `tsw-bed${tag}-client`;
    this.hosts = Array.from({ length: hosts }, (_, index) => new TestHost(tag, index, `192.168.200.${index + 1}`));
    try {
      this.#make(this.#wire);
      run("ip", "-n", this.#wire, "link", "add", "wire", "type", "bridge");
      run("ip", "-n", this.#wire, "link", "set", "wire", "mtu", String(mtu), "up");
      this.#join(this.client, `${this.clientAddress}/24`, "client", mtu);
      for (const [index, host] of this.hosts.entries())
        this.#join(host.namespace, `${host.address}/24`, `host${index}`, mtu);
    } catch (error) {
      this.remove();
      throw error;
    }
  }

  /** Everything that hosts and bed have made; safe to call at any time. */
  remove(): void {
    for (const host of this.hosts) {
      if (this.#made.includes(host.namespace)) host.run(() => removeAll(host.nodeId, GATEWAY_BRIDGE));
      for (const name of listNamespaces(namespacePrefix(host.nodeId))) removeNamespace(name);
    }
    for (const name of this.#made.splice(0)) removeNamespace(name);
  }

  #join(namespace: string, prefix: string, port: string, mtu: number): void {
    this.#make(namespace);
    const peer = ["peer", "name", "eth0", "netns", namespace, "mtu", String(mtu)];
    run("ip", "-n", this.#wire, "link", "add", port, "mtu", String(mtu), "type", "veth", ...peer);
    run("ip", "-n", this.#wire, "link", "set", port, "master", "wire", "up");
    run("ip", "-n", namespace, "address", "add", prefix, "dev", "eth0");
    run("ip", "-n", namespace, "link", "set", "eth0", "up");
  }

  #make(namespace: string): void {
    run("ip", "netns", "add", namespace);
    this.#made.push(namespace);
    run("ip", "-n", namespace, "link", "set", "lo", "up");
  }
}

/** @returns what the program wrote. @throws with what it wrote on stderr */
export function run(file: string, ...args: readonly string[]): string {
  return execFileSync(file, args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"], timeout: 30_000 });
}

export function runIn(namespace: string, file: string, ...args: readonly string[]): string {
  return run("nsenter", `--net=/run/netns/${namespace}`, "--", file, ...args);
}

/** @returns whether the program ended with status 0 */
export function succeedsIn(namespace: string, file: string, ...args: readonly string[]): boolean {
  const { status } = spawnSync("nsenter", [`--net=/run/netns/${namespace}`, "--", file, ...args], { timeout: 30_000 });
  return status === 0;
}

/** One echo request of `bytes` IP bytes in all, answered within 2 s. The kernel forbids its fragmentation on the way. */
export function pings(namespace: string, address: string, bytes = 84): boolean {
  return succeedsIn(namespace, "busybox", "ping", "-c", "1", "-W", "2", "-s", String(bytes - 28), address);
}

/** The same over IPv6. */
export function pings6(namespace: string, address: string, bytes = 104): boolean {
  return succeedsIn(namespace, "busybox", "ping6", "-c", "1", "-W", "2", "-s", String(bytes - 48), address);
}
