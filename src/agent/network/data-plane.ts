/**
 * The data plane of a node: brings the kernel to what the node's tasks and the cluster's rows want, and keeps it there.
 *
 * Order is part of the contract, so that no packet meets a half-built path: what goes away leaves the host's rules first; then
 * links, neighbours and FDB entries are made; then each sandbox's rules and services; then the host's rules; and only when
 * nothing leads to them any more, unwanted entries and links go.
 */
import type { LoadBalancer, VirtualService } from "../../../ipvs/load-balancer.js";
import type { PacketRules } from "../../../netns/packet-filter/rules.js";
import type { NodeWanted } from "../../../overlay/wanted.js";
import type { RowUpdate } from "../../api/generated/tswarm/v1/link.js";
import type { ServiceRow } from "../cluster-view.js";
import { bareAddress } from "./address-family.js";
import type { DataPlaneChange, DataPlaneOptions, DataPlaneProblem } from "./data-plane-protocol.js";
import { DirtyState } from "./dirty-state.js";
import type { GatewayAddresses } from "./gateway-addresses.js";
import { changedUdpPorts, sameRules, stillWanted } from "./host-rule-changes.js";
import type { KernelPort, OverlayScope } from "./kernel-port.js";

import { INGRESS_SANDBOX, ingressAttachment } from "./node-wanted.js";
import { SandboxServices } from "./sandbox-services.js";
import { ServiceMarks } from "./service-marks.js";
import { key6Of, SharedDestinations } from "./virtual-services.js";
import { WantedState } from "./wanted-state.js";

export class DataPlane {
  readonly wanted: WantedState;
  readonly #nodeId: string;
  readonly #kernel: KernelPort;
  readonly #marks = new ServiceMarks();
  readonly #shared: SharedDestinations;
  readonly #sandboxes = new Map<string, SandboxServices>();
  /** Whether all that an earlier run left is known: before, nothing may be taken for unwanted. Once taken down, nothing may be made again. */
  #phase: "restoring" | "running" | "down" = "restoring";
  #hostRules: PacketRules = [];
  #networksHere: ReadonlySet<string> = new Set();
  #dirty = new DirtyState();

  constructor(options: DataPlaneOptions, kernel: KernelPort, addresses: GatewayAddresses) {
    this.#nodeId = options.nodeId;
    this.#kernel = kernel;
    this.wanted = new WantedState(options, kernel, addresses);
    this.#shared = new SharedDestinations(this.wanted.rows);
  }

  /** Takes a change in; {@link flush} brings it to the kernel. */
  take(change: DataPlaneChange): void {
    switch (change.kind) {
      case "rows":
        this.#takeRows(change.update);
        return;
      case "networks":
        for (const facts of change.networks) this.wanted.networks.set(facts.id, facts);
        return;
      case "ingress":
        this.wanted.setIngress(change.ingress);
        this.#touchSandbox(INGRESS_SANDBOX, [change.ingress.networkId]);
        return;
      case "task":
        this.wanted.setTask(change.task);
        this.#touchSandbox(
          change.task.id,
          change.task.attachments.map((attachment) => attachment.networkId),
        );
        return;
      case "task-gone":
        this.#removeTask(change.taskId);
        return;
      case "restored":
        if (this.#phase === "restoring") this.#phase = "running";
        this.wanted.releaseAddresses();
        this.#dirty.everything = true;
    }
  }

  get isDirty(): boolean {
    return this.#phase === "running" && this.#dirty.any;
  }

  /** Brings everything that changed since the last call to the kernel. @returns what the kernel refused; that stays dirty */
  flush(): readonly DataPlaneProblem[] {
    if (this.#phase !== "running") return [];
    const dirty = this.#dirty;
    this.#dirty = new DirtyState();
    const problems = this.#pass(dirty, false);
    if (problems.length > 0) this.#dirty.add(dirty);
    return problems;
  }

  /** The first part of a look at everything: links, entries and the host's rules. */
  lookAtNode(): readonly DataPlaneProblem[] {
    if (this.#phase !== "running") return [];
    const dirty = new DirtyState();
    dirty.everything = true;
    return this.#pass(dirty, true);
  }

  /** The other parts of a look, one for each sandbox. */
  sandboxIds(): readonly string[] {
    return [...this.#sandboxes.keys()];
  }

  lookAtSandbox(sandboxId: string): readonly DataPlaneProblem[] {
    if (this.#phase !== "running") return [];
    const sandbox = this.#sandboxes.get(sandboxId);
    return sandbox ? this.#attempt(sandboxId, () => this.#healSandbox(sandboxId, sandbox)) : [];
  }

  wantedServices(sandboxId: string): readonly VirtualService[] {
    return this.#sandboxes.get(sandboxId)?.list ?? [];
  }

  balancer(sandboxId: string): LoadBalancer | undefined {
    return this.#sandboxes.get(sandboxId)?.balancer;
  }

  /** Callers on this node reach the service by its virtual address of IPv6. */
  isBalanced6({ networkId, virtualAddress6 }: ServiceRow): boolean {
    return virtualAddress6 !== "" && this.#kernel.facts.balancesIpv6 && this.wanted.carriesIpv6(networkId);
  }

  /** Removes every kernel object of this node, for good. */
  teardown(): readonly DataPlaneProblem[] {
    this.#phase = "down";
    const { packetFilter } = this.#kernel;
    const problems = packetFilter
      ? this.#attempt("host", () => this.#kernel.inside("host", () => packetFilter.clear()))
      : [];
    this.#hostRules = [];
    this.#sandboxes.clear();
    return [...problems, ...this.#kernel.overlay.removeAll(this.wanted.node())];
  }

  #takeRows(update: RowUpdate): void {
    const gatewaysBefore = this.wanted.meshGateways();
    const change = this.wanted.rows.apply(update, (endpoint) => endpoint.nodeId === this.#nodeId);
    this.#shared.forget(change.serviceKeys);
    for (const key of change.serviceKeys) this.#dirty.serviceKeys.add(key);
    for (const networkId of change.networkIds) this.#dirty.networkIds.add(networkId);
    if (this.wanted.meshGateways() !== gatewaysBefore) this.#touchMesh();
  }

  /** Nodes came or went: tasks on the ingress network answer by other gateways. */
  #touchMesh(): void {
    for (const task of this.wanted.tasks.values()) {
      if (ingressAttachment(task, this.wanted.networks)) this.#dirty.sandboxIds.add(task.id);
    }
    if (this.wanted.ingress) this.#dirty.sandboxIds.add(INGRESS_SANDBOX);
  }

  #touchSandbox(sandboxId: string, networkIds: readonly string[]): void {
    this.#dirty.sandboxIds.add(sandboxId);
    for (const networkId of networkIds) this.#dirty.networkIds.add(networkId);
    this.#sandboxes.set(sandboxId, this.#makeSandbox(sandboxId));
  }

  #makeSandbox(sandboxId: string): SandboxServices {
    const known = this.#sandboxes.get(sandboxId);
    const balancer = known?.balancer ?? this.#kernel.loadBalancer(sandboxId);
    const sources = new Map<string, string>();
    const sources6 = new Map<string, string>();
    for (const { networkId, addressPrefix, addressPrefix6 } of this.wanted.tasks.get(sandboxId)?.attachments ?? []) {
      if (this.wanted.networks.get(networkId)?.ingress) continue;
      sources.set(networkId, bareAddress(addressPrefix));
      if (balancer?.balancesIpv6 && addressPrefix6 !== undefined && this.wanted.carriesIpv6(networkId)) {
        sources6.set(networkId, bareAddress(addressPrefix6));
      }
    }
    const meshNetworkId = sandboxId === INGRESS_SANDBOX ? this.wanted.ingress?.networkId : undefined;
    return new SandboxServices({
      balancer,
      sources,
      sources6,
      meshNetworkId,
      marks: this.#marks,
      shared: this.#shared,
      rows: this.wanted.rows,
    });
  }

  #removeTask(taskId: string): void {
    const task = this.wanted.tasks.get(taskId);
    if (!task) return;
    this.wanted.tasks.delete(taskId);
    this.#sandboxes.delete(taskId);
    this.#dirty.sandboxIds.add(taskId);
    for (const attachment of task.attachments) this.#dirty.networkIds.add(attachment.networkId);
    this.#dirty.goneSandboxIds.add(taskId);
  }

  #pass(dirty: DirtyState, look: boolean): readonly DataPlaneProblem[] {
    if (!dirty.any) return [];
    const wanted = this.wanted.node();
    const scope = this.#scope(dirty, wanted);
    const problems: DataPlaneProblem[] = [...this.#attempt("gateway addresses", () => this.wanted.saveAddresses())];
    const hostWanted = this.wanted.hostRules();
    problems.push(...this.#applyHostRules(stillWanted(this.#hostRules, hostWanted), false));
    problems.push(...this.#kernel.overlay.extend(wanted, this.#withoutGone(scope)));
    if (!look) problems.push(...this.#passSandboxes(dirty));
    problems.push(...this.#applyHostRules(hostWanted, look));
    problems.push(...this.#kernel.overlay.trim(wanted, scope));
    if (dirty.goneSandboxIds.size > 0) {
      this.wanted.releaseAddresses();
      problems.push(...this.#attempt("gateway addresses", () => this.wanted.saveAddresses()));
    }
    this.#releaseMarks(dirty.serviceKeys);
    return problems;
  }

  /** Where to look. A network that comes or goes is looked at as a whole, of the others only what changed. */
  #scope(dirty: DirtyState, wanted: NodeWanted): OverlayScope {
    const before = this.#networksHere;
    this.#networksHere = new Set(wanted.networks.map((network) => network.id));
    if (dirty.everything) return "all";
    const networkIds = new Set([...dirty.wholeNetworkIds, ...symmetricDifference(before, this.#networksHere)]);
    // What is refused now is looked at as a whole again.
    for (const id of networkIds) dirty.wholeNetworkIds.add(id);
    const entryNetworkIds = new Set(
      [...dirty.networkIds].filter((id) => this.#networksHere.has(id) && !networkIds.has(id)),
    );
    return { networkIds, entryNetworkIds, sandboxIds: dirty.sandboxIds };
  }

  /** Nothing is made for sandboxes that are to go. */
  #withoutGone(scope: OverlayScope): OverlayScope {
    if (scope === "all") return scope;
    const wanted = (id: string) => id === INGRESS_SANDBOX || this.wanted.tasks.has(id);
    return { ...scope, sandboxIds: new Set([...scope.sandboxIds].filter(wanted)) };
  }

  #passSandboxes(dirty: DirtyState): readonly DataPlaneProblem[] {
    const problems: DataPlaneProblem[] = [];
    for (const [sandboxId, sandbox] of this.#sandboxes) {
      const whole = dirty.everything || dirty.sandboxIds.has(sandboxId);
      if (!whole && !sandbox.concerns(dirty.networkIds)) continue;
      problems.push(
        ...this.#attempt(sandboxId, () => {
          if (whole) {
            sandbox.rebuild();
            this.#healSandbox(sandboxId, sandbox);
          } else if (sandbox.update(dirty.serviceKeys)) {
            this.#kernel.inside({ sandboxId }, () => sandbox.apply());
          }
        }),
      );
    }
    return problems;
  }

  #healSandbox(sandboxId: string, sandbox: SandboxServices): void {
    this.#kernel.inside({ sandboxId }, () => {
      this.#kernel.packetFilter?.apply(this.wanted.sandboxRules(sandboxId));
      sandbox.heal();
    });
  }

  #applyHostRules(rules: PacketRules, look: boolean): readonly DataPlaneProblem[] {
    const { packetFilter } = this.#kernel;
    if (!packetFilter || (!look && sameRules(rules, this.#hostRules))) return [];
    const udpPorts = changedUdpPorts(this.#hostRules, rules);
    return this.#attempt("host", () => {
      this.#kernel.inside("host", () => {
        packetFilter.apply(rules);
        if (udpPorts.size > 0) this.#kernel.forgetUdpFlows(udpPorts);
      });
      this.#hostRules = rules;
    });
  }

  #attempt(place: string, work: () => void): readonly DataPlaneProblem[] {
    try {
      work();
      return [];
    } catch (error) {
      return [{ place, text: error instanceof Error ? error.message : String(error) }];
    }
  }

  #releaseMarks(keys: Iterable<string>): void {
    for (const key of keys) {
      if (this.wanted.rows.services.has(key)) continue;
      this.#marks.release(key);
      this.#marks.release(key6Of(key));
    }
  }
}

function symmetricDifference(a: ReadonlySet<string>, b: ReadonlySet<string>): readonly string[] {
  return [...[...a].filter((id) => !b.has(id)), ...[...b].filter((id) => !a.has(id))];
}
