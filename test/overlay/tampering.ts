/** Things that somebody's hand does to a node, one after the other: each is to be seen, named and healed. */
import type { ExecutionContext } from "ava";
import { networkNamespace, portName } from "../../overlay/names.js";
import { HostBed } from "./host-bed.js";
import { type Cluster, sampleCluster } from "./sample-cluster.js";

/** Of the first host. */
export interface TamperNames {
  readonly host: string;
  readonly network: string;
  readonly sandbox: string;
  readonly port: string;
}

/** What is done, and how the drift names it. */
export type Tampering = readonly [what: string, tamper: (names: TamperNames) => void, seen: RegExp];

/** @param reaches asserts that packets pass */
export function eachIsHealed(
  t: ExecutionContext,
  acts: readonly Tampering[],
  shape: { readonly ipv6?: boolean },
  reaches: (names: TamperNames, cluster: Cluster, when: string) => void,
): void {
  const bed = new HostBed({ hosts: 2 });
  t.teardown(() => bed.remove());
  const cluster = sampleCluster(bed.hosts, { networks: 1, ...shape });
  for (const [index, host] of bed.hosts.entries()) host.reconcile(cluster.wanted[index]!);
  const host = bed.hosts[0]!;
  const wanted = cluster.wanted[0]!;
  const sandbox = cluster.sandboxes[0]!;
  const network = networkNamespace(host.nodeId, "network0");
  const names = { host: host.namespace, network, sandbox, port: portName(sandbox, "eth0") };
  checkInOrder("before");
  for (const [what, tamper, seen] of acts) {
    tamper(names);
    t.regex(host.drift(wanted).join("\n"), seen, what);
    const { failures, drift, done } = host.reconcile(wanted);
    t.deepEqual([failures.map(({ text }) => text), drift], [[], []], what);
    t.true(done > 0, what);
    checkInOrder(what);
  }

  function checkInOrder(when: string): void {
    t.deepEqual(host.drift(wanted), [], when);
    t.is(host.reconcile(wanted).done, 0, when);
    reaches(names, cluster, when);
  }
}
