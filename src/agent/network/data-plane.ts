/**
 * The data plane of a node: brings the kernel to what the node's tasks and the cluster's rows want, and keeps it there.
 *
 * Order is part of the contract, so that no packet meets a half-built path: what goes away leaves the host's rules first; then
 * links, neighbours and FDB entries are made; then each sandbox's rules and services; then the host's rules; and only when
 * nothing leads to them any more, unwanted entries and links go.
 */
import type { LoadBalancer, VirtualService } from "../../../ipvs/load-balancer.js";
import type { PacketRule, PacketRules } from "../../../netns/packet-filter/rules.js";
import type { NodeWanted } from "../../../overlay/wanted.js";
import { EndpointKind, type RowUpdate } from "../../api/generated/tswarm/v1/link.js";
import type { DataPlaneChange, DataPlaneOptions, DataPlaneProblem } from "./data-plane-protocol.js";
import type { GatewayAddresses } from "./gateway-addresses.js";
import { hostRules } from "./host-rules.js";
import { ingressRules } from "./ingress-rules.js";
import type { KernelPort, NamespacePlace, OverlayScope } from "./kernel-port.js";
import { bareAddress, type LocalTask } from "./local-task.js";
import { ingressGateways, keepsClientAddress } from "./mesh-return.js";
import type { NetworkFacts } from "./network-facts.js";
import {
  hasWayOut,
  INGRESS_SANDBOX,
  ingressAttachment,
  interfaceNames,
  type NodeNetworkState,
  nodeWanted,
} from "./node-wanted.js";
import { RowTable } from "./row-table.js";
import { sandboxRules } from "./sandbox-rules.js";
import { SandboxServices } from "./sandbox-services.js";
import { ServiceMarks } from "./service-marks.js";
import { SharedDestinations, transportProtocol } from "./virtual-services.js";

export class DataPlane {
  readonly rows = new RowTable();
  readonly #options: DataPlaneOptions;
  readonly #kernel: KernelPort;
  readonly #addresses: GatewayAddresses;
  readonly #networks = new Map<string, NetworkFacts>();
  readonly #tasks = new Map<string, LocalTask>();
  readonly #marks = new ServiceMarks();
  readonly #shared = new SharedDestinations(this.rows);
  readonly #sandboxes = new Map<string, SandboxServices>();
  #ingress: NodeNetworkState["ingress"];
  #restored = false;
  #hostRules: PacketRules = [];
  #networksHere: ReadonlySet<string> = new Set();
  #dirty = new DirtyState();

  constructor(options: DataPlaneOptions, kernel: KernelPort, addresses: GatewayAddresses) {
    this.#options = options;
    this.#kernel = kernel;
    this.#addresses = addresses;
  }

  /** Takes a change in; {@link flush} brings it to the kernel. */
  take(change: DataPlaneChange): void {
    switch (change.kind) {
      case "rows":
        this.#takeRows(change.update);
        return;
      case "networks":
        for (const facts of change.networks) this.#networks.set(facts.id, facts);
        return;
      case "ingress":
        this.#ingress = change.ingress;
        this.#addresses.take(INGRESS_SANDBOX);
        this.#touchSandbox(INGRESS_SANDBOX, [change.ingress.networkId]);
        return;
      case "task":
        this.#tasks.set(change.task.id, change.task);
        if (hasWayOut(change.task, this.#networks)) this.#addresses.take(change.task.id);
        this.#touchSandbox(
          change.task.id,
          change.task.attachments.map((attachment) => attachment.networkId),
        );
        return;
      case "task-gone":
        this.#removeTask(change.taskId);
        return;
      case "restored":
        this.#restored = true;
        this.#addresses.keepOnly(new Set([...this.#tasks.keys(), INGRESS_SANDBOX]));
        this.#dirty.everything = true;
    }
  }

  get isDirty(): boolean {
    return this.#restored && this.#dirty.any;
  }

  /** Brings everything that changed since the last call to the kernel. @returns what the kernel refused; that stays dirty */
  flush(): readonly DataPlaneProblem[] {
    // Before all that an earlier run left is known, nothing may be taken for unwanted.
    if (!this.#restored) return [];
    const dirty = this.#dirty;
    this.#dirty = new DirtyState();
    const problems = this.#pass(dirty, false);
    if (problems.length > 0) this.#dirty.add(dirty);
    return problems;
  }

  /** The first part of a look at everything: links, entries and the host's rules. */
  lookAtNode(): readonly DataPlaneProblem[] {
    const dirty = new DirtyState();
    dirty.everything = true;
    return this.#pass(dirty, true);
  }

  /** The other parts of a look, one for each sandbox. */
  sandboxIds(): readonly string[] {
    return [...this.#sandboxes.keys()];
  }

  lookAtSandbox(sandboxId: string): readonly DataPlaneProblem[] {
    const sandbox = this.#sandboxes.get(sandboxId);
    return sandbox ? this.#attempt(sandboxId, () => this.#healSandbox(sandboxId, sandbox)) : [];
  }

  /** What is wanted now: for observing. */
  wanted(): NodeWanted {
    return nodeWanted(this.#state(), this.rows);
  }

  wantedHostRules(): PacketRules {
    return hostRules({
      bridge: this.#options.bridgeName,
      bridgeSubnet: this.#addresses.subnet,
      ingressAddress: this.#ingress && bareAddress(this.#addresses.bySandbox.get(INGRESS_SANDBOX) ?? ""),
      meshPorts: this.#meshPorts(),
      hostPorts: [...this.#tasks.values()].flatMap((task) =>
        task.hostPorts.map((port) => ({ ...port, address: bareAddress(this.#addresses.bySandbox.get(task.id) ?? "") })),
      ),
    });
  }

  wantedSandboxRules(sandboxId: string): PacketRules {
    return sandboxId === INGRESS_SANDBOX ? this.#ingressSandboxRules() : this.#taskSandboxRules(sandboxId);
  }

  wantedServices(sandboxId: string): readonly VirtualService[] {
    return this.#sandboxes.get(sandboxId)?.list ?? [];
  }

  balancer(sandboxId: string): LoadBalancer | undefined {
    return this.#sandboxes.get(sandboxId)?.balancer;
  }

  get networks(): ReadonlyMap<string, NetworkFacts> {
    return this.#networks;
  }

  get tasks(): ReadonlyMap<string, LocalTask> {
    return this.#tasks;
  }

  get ingress(): NodeNetworkState["ingress"] {
    return this.#ingress;
  }

  /** Removes every kernel object of this node. */
  teardown(): readonly DataPlaneProblem[] {
    const { packetFilter } = this.#kernel;
    const problems = packetFilter
      ? this.#attempt("host", () => this.#kernel.inside("host", () => packetFilter.clear()))
      : [];
    this.#hostRules = [];
    this.#sandboxes.clear();
    return [...problems, ...this.#kernel.overlay.removeAll(this.wanted())];
  }

  #takeRows(update: RowUpdate): void {
    const gatewaysBefore = this.#gatewayAddresses();
    const change = this.rows.apply(update, (endpoint) => endpoint.nodeId === this.#options.nodeId);
    this.#shared.forget(change.serviceKeys);
    for (const key of change.serviceKeys) this.#dirty.serviceKeys.add(key);
    for (const networkId of change.networkIds) this.#dirty.networkIds.add(networkId);
    if (this.#gatewayAddresses() !== gatewaysBefore) this.#touchMesh();
  }

  /** Nodes came or went: tasks on the ingress network answer by other gateways. */
  #touchMesh(): void {
    for (const task of this.#tasks.values()) {
      if (ingressAttachment(task, this.#networks)) this.#dirty.sandboxIds.add(task.id);
    }
    if (this.#ingress) this.#dirty.sandboxIds.add(INGRESS_SANDBOX);
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
    for (const attachment of this.#tasks.get(sandboxId)?.attachments ?? []) {
      if (!this.#networks.get(attachment.networkId)?.ingress) {
        sources.set(attachment.networkId, bareAddress(attachment.addressPrefix));
      }
    }
    const meshNetworkId = sandboxId === INGRESS_SANDBOX ? this.#ingress?.networkId : undefined;
    return new SandboxServices({
      balancer,
      sources,
      meshNetworkId,
      marks: this.#marks,
      shared: this.#shared,
      rows: this.rows,
    });
  }

  #removeTask(taskId: string): void {
    const task = this.#tasks.get(taskId);
    if (!task) return;
    this.#tasks.delete(taskId);
    this.#sandboxes.delete(taskId);
    this.#dirty.sandboxIds.add(taskId);
    for (const attachment of task.attachments) this.#dirty.networkIds.add(attachment.networkId);
    this.#dirty.goneSandboxIds.add(taskId);
  }

  #pass(dirty: DirtyState, look: boolean): readonly DataPlaneProblem[] {
    if (!dirty.any) return [];
    const wanted = this.wanted();
    const scope = this.#scope(dirty, wanted);
    const problems: DataPlaneProblem[] = [];
    const hostWanted = this.wantedHostRules();
    problems.push(...this.#applyHostRules(stillWanted(this.#hostRules, hostWanted), false));
    problems.push(...this.#kernel.overlay.extend(wanted, scope));
    if (!look) problems.push(...this.#passSandboxes(dirty));
    problems.push(...this.#applyHostRules(hostWanted, look));
    problems.push(...this.#kernel.overlay.trim(wanted, scope));
    this.#releaseAddresses(dirty.goneSandboxIds);
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
            this.#kernel.inside(placeOf(sandboxId), () => sandbox.apply());
          }
        }),
      );
    }
    return problems;
  }

  #healSandbox(sandboxId: string, sandbox: SandboxServices): void {
    this.#kernel.inside(placeOf(sandboxId), () => {
      this.#kernel.packetFilter?.apply(this.wantedSandboxRules(sandboxId));
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

  #releaseAddresses(gone: ReadonlySet<string>): void {
    if (gone.size === 0) return;
    this.#addresses.keepOnly(new Set([...this.#tasks.keys(), INGRESS_SANDBOX]));
  }

  #releaseMarks(keys: Iterable<string>): void {
    for (const key of keys) if (!this.rows.services.has(key)) this.#marks.release(key);
  }

  #state(): NodeNetworkState {
    return {
      nodeId: this.#options.nodeId,
      bridge: {
        name: this.#options.bridgeName,
        addressPrefix: this.#addresses.bridgePrefix,
        mtu: this.#options.underlayMtu,
        isolated: this.#kernel.canIsolatePorts(),
      },
      hasIpv6: this.#kernel.hasIpv6,
      vxlanPort: this.#options.vxlanPort,
      underlayMtu: this.#options.underlayMtu,
      networks: this.#networks,
      tasks: this.#tasks,
      ...(this.#ingress ? { ingress: this.#ingress } : {}),
      gatewayAddresses: this.#addresses.bySandbox,
    };
  }

  #taskSandboxRules(sandboxId: string): PacketRules {
    const task = this.#tasks.get(sandboxId);
    if (!task) return [];
    const gatewayPrefix = hasWayOut(task, this.#networks) ? this.#addresses.bySandbox.get(task.id) : undefined;
    const names = interfaceNames(task.attachments.length, gatewayPrefix !== undefined);
    const ingress = ingressAttachment(task, this.#networks);
    return sandboxRules({
      ...(ingress && {
        ingress: {
          interfaceName: names.overlays[0]!,
          address: bareAddress(ingress.attachment.addressPrefix),
          subnet: ingress.facts.subnet,
        },
      }),
      ...(gatewayPrefix === undefined
        ? {}
        : { gateway: { interfaceName: names.gateway!, address: bareAddress(gatewayPrefix) } }),
      ingressPorts: task.ingressPorts,
      hostPorts: task.hostPorts,
      gateways: ingress ? ingressGateways(this.rows.endpointsOf(ingress.facts.id).values()) : [],
    });
  }

  #ingressSandboxRules(): PacketRules {
    if (!this.#ingress) return [];
    const names = interfaceNames(1, true);
    return ingressRules({
      overlayInterface: names.overlays[0]!,
      overlayAddress: bareAddress(this.#ingress.addressPrefix),
      gatewayInterface: names.gateway!,
      gatewaySubnet: this.#addresses.subnet,
      keepClientAddress: keepsClientAddress(ingressGateways(this.rows.endpointsOf(this.#ingress.networkId).values())),
    });
  }

  #meshPorts() {
    if (!this.#ingress) return [];
    return [...this.rows.servicesOf(this.#ingress.networkId).values()].flatMap((row) =>
      row.ports.map((port) => ({ protocol: transportProtocol(port.protocol), port: port.publishedPort })),
    );
  }

  #gatewayAddresses(): string {
    if (!this.#ingress) return "";
    let text = "";
    for (const endpoint of this.rows.endpointsOf(this.#ingress.networkId).values()) {
      if (endpoint.kind === EndpointKind.ENDPOINT_INGRESS_GATEWAY) text += `${endpoint.address} ${endpoint.mac};`;
    }
    return text;
  }
}

class DirtyState {
  everything = false;
  readonly networkIds = new Set<string>();
  readonly wholeNetworkIds = new Set<string>();
  readonly sandboxIds = new Set<string>();
  readonly serviceKeys = new Set<string>();
  readonly goneSandboxIds = new Set<string>();

  get any(): boolean {
    return (
      this.everything ||
      this.networkIds.size + this.sandboxIds.size + this.serviceKeys.size + this.goneSandboxIds.size > 0
    );
  }

  add(other: DirtyState): void {
    this.everything ||= other.everything;
    for (const id of other.networkIds) this.networkIds.add(id);
    for (const id of other.wholeNetworkIds) this.wholeNetworkIds.add(id);
    for (const id of other.sandboxIds) this.sandboxIds.add(id);
    for (const key of other.serviceKeys) this.serviceKeys.add(key);
    for (const id of other.goneSandboxIds) this.goneSandboxIds.add(id);
  }
}

function symmetricDifference(a: ReadonlySet<string>, b: ReadonlySet<string>): readonly string[] {
  return [...[...a].filter((id) => !b.has(id)), ...[...b].filter((id) => !a.has(id))];
}

function placeOf(sandboxId: string): NamespacePlace {
  return { sandboxId };
}

/** The rules of `before` that `after` holds too, with their new text: what may stay while the rest goes. */
function stillWanted(before: PacketRules, after: PacketRules): PacketRules {
  const keys = new Set(before.map((rule) => rule.key));
  return after.filter((rule) => keys.has(rule.key)).map((rule) => narrowPorts(rule, before));
}

/** A port list that grows keeps its old ports until the new ones may be led anywhere. */
function narrowPorts(rule: PacketRule, before: PacketRules): PacketRule {
  const old = before.find((candidate) => candidate.key === rule.key)?.match.destinationPorts;
  const ports = rule.match.destinationPorts;
  if (!old || !ports) return rule;
  const common = ports.filter((port) => old.includes(port));
  return common.length === 0 ? rule : { ...rule, match: { ...rule.match, destinationPorts: common } };
}

function sameRules(a: PacketRules, b: PacketRules): boolean {
  return a === b || JSON.stringify(a) === JSON.stringify(b);
}

/** UDP ports that are led somewhere else than before. */
function changedUdpPorts(before: PacketRules, after: PacketRules): ReadonlySet<number> {
  const ports = (rules: PacketRules) =>
    new Set(
      rules
        .filter((rule) => rule.action.kind === "dnat" && rule.match.protocol === "udp")
        .flatMap((rule) => rule.match.destinationPorts ?? []),
    );
  const [old, fresh] = [ports(before), ports(after)];
  return new Set([...old, ...fresh].filter((port) => old.has(port) !== fresh.has(port)));
}
