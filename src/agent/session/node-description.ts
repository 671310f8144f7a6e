/** What a node says of itself to the managers. */
import { arch, cpus, hostname, totalmem } from "node:os";
import type { NodeDescription, NodeTLSInfo, PluginDescription } from "../../api/generated/docker/swarmkit/v1/types.js";

export interface NodeFacts {
  readonly hostname?: string;
  readonly engineVersion: string;
  readonly engineLabels: Readonly<Record<string, string>>;
  /** Runtimes that tasks can have here: "process", "container". */
  readonly runtimes: readonly string[];
  /** Other plug-ins, network drivers for example. */
  readonly plugins?: readonly PluginDescription[];
  /** Who signed the node's certificate, and whom it trusts. */
  readonly tlsInfo?: NodeTLSInfo;
}

/** Node's names of machine types → those that SwarmKit's placement knows (uname -m). */
const MACHINES: Readonly<Record<string, string>> = { x64: "x86_64", arm64: "aarch64", arm: "armv7l", ia32: "i686" };

export function describeNode(facts: NodeFacts): NodeDescription {
  const plugins = [...facts.runtimes.map((name) => ({ type: "Runtime", name })), ...(facts.plugins ?? [])];
  plugins.sort((a, b) => (a.type === b.type ? compare(a.name, b.name) : compare(a.type, b.type)));
  return {
    hostname: facts.hostname ?? hostname(),
    platform: { architecture: MACHINES[arch()] ?? arch(), os: "linux" },
    resources: { nanoCpus: cpus().length * 1e9, memoryBytes: totalmem(), generic: [] },
    engine: { engineVersion: facts.engineVersion, labels: sorted(facts.engineLabels), plugins },
    tlsInfo: facts.tlsInfo,
    fips: false,
    csiInfo: [],
  };
}

/** The same facts encode to the same bytes, whatever the order in which they came. */
function sorted(labels: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(labels).sort(([a], [b]) => compare(a, b)));
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
