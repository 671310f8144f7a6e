/**
 * Hosts on one machine: network namespaces joined by veths to one bridge, which stands in a namespace of its own. Nothing of it
 * touches the machine's own network.
 */
import { execFileSync, spawnSync } from "node:child_process";

export interface FabricHost {
  readonly name: string;
  /** Name of its network namespace in /run/netns. */
  readonly namespace: string;
  readonly address: string;
}

export interface FabricOptions {
  /** Makes the names unique on this machine; at most 6 characters of [a-z0-9]. */
  readonly tag: string;
  readonly hosts: readonly string[];
  /** First three bytes of the addresses. */
  readonly subnet?: string;
}

const FIRST_HOST = 11;
const DROP_TABLE = "cut";

export class HostFabric {
  readonly hosts: readonly FabricHost[];
  readonly #bridgeNamespace: string;

  private constructor(options: FabricOptions) {
    const subnet = options.subnet ?? "192.168.99";
    this.#bridgeNamespace = `tswx-${options.tag}-net`;
    this.hosts = options.hosts.map((name, index) => ({
      name,
      namespace: `tswx-${options.tag}-${name}`,
      address: `${subnet}.${FIRST_HOST + index}`,
    }));
  }

  /** Makes the namespaces and links; of an earlier fabric with this tag nothing is left. */
  static create(options: FabricOptions): HostFabric {
    const fabric = new HostFabric(options);
    fabric.remove();
    ip("netns", "add", fabric.#bridgeNamespace);
    const inBridge = (...args: string[]) => ip("-n", fabric.#bridgeNamespace, ...args);
    inBridge("link", "set", "lo", "up");
    inBridge("link", "add", "br0", "type", "bridge");
    inBridge("link", "set", "br0", "up");
    quietBridgeFilter(fabric.#bridgeNamespace);
    fabric.hosts.forEach((host, index) => {
      ip("netns", "add", host.namespace);
      ip(
        "link",
        "add",
        "eth0",
        "netns",
        host.namespace,
        "type",
        "veth",
        "peer",
        "name",
        `h${index}`,
        "netns",
        fabric.#bridgeNamespace,
      );
      inBridge("link", "set", `h${index}`, "master", "br0", "up");
      ip("-n", host.namespace, "link", "set", "lo", "up");
      ip("-n", host.namespace, "addr", "add", `${host.address}/24`, "dev", "eth0");
      ip("-n", host.namespace, "link", "set", "eth0", "up");
    });
    return fabric;
  }

  host(name: string): FabricHost {
    const host = this.hosts.find((candidate) => candidate.name === name);
    if (!host) throw new Error(`the fabric has no host ${name}`);
    return host;
  }

  /** Takes a host off the bridge, without a word to anybody: it reaches nobody, and nobody reaches it. */
  cut(name: string): void {
    ip("-n", this.#bridgeNamespace, "link", "set", `h${this.#number(name)}`, "down");
  }

  heal(name: string): void {
    ip("-n", this.#bridgeNamespace, "link", "set", `h${this.#number(name)}`, "up");
  }

  /** Drops what one host sends to another; the other way stays open. Needs nf_tables on bridges. */
  drop(from: string, to: string): void {
    const [source, target] = [this.host(from).address, this.host(to).address];
    this.#inBridge(
      ...["nft", `add table bridge ${DROP_TABLE}; add chain bridge ${DROP_TABLE} forward { type filter hook forward`],
      ...[`priority 0; }; add rule bridge ${DROP_TABLE} forward ip saddr ${source} ip daddr ${target} drop`],
    );
  }

  /** Takes back every {@link drop}. */
  dropNothing(): void {
    this.#inBridge("nft", `add table bridge ${DROP_TABLE}; delete table bridge ${DROP_TABLE}`);
  }

  #number(name: string): number {
    return this.hosts.indexOf(this.host(name));
  }

  #inBridge(...command: string[]): void {
    const [program, ...args] = inNamespaceCommand(this.#bridgeNamespace, command);
    execFileSync(program!, args, { stdio: ["ignore", "ignore", "pipe"] });
  }

  /** Removes the namespaces, and with them the links. */
  remove(): void {
    for (const namespace of [...this.hosts.map((host) => host.namespace), this.#bridgeNamespace]) {
      spawnSync("ip", ["netns", "del", namespace], { stdio: "ignore" });
    }
  }
}

/** The command line that runs `command` in a network namespace, in the mount namespace of the caller. */
export function inNamespaceCommand(namespace: string, command: readonly string[]): readonly string[] {
  return ["nsenter", `--net=/run/netns/${namespace}`, "--", ...command];
}

function ip(...args: string[]): void {
  execFileSync("ip", args, { stdio: ["ignore", "ignore", "pipe"] });
}

/** Where br_netfilter is there, frames of the fabric must not meet the packet filter. A kernel without it has no such file. */
function quietBridgeFilter(namespace: string): void {
  const file = "/proc/sys/net/bridge/bridge-nf-call-iptables";
  spawnSync("nsenter", [`--net=/run/netns/${namespace}`, "--", "sh", "-c", `[ ! -e ${file} ] || echo 0 >${file}`]);
}
