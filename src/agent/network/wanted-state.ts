/**
 * What a node is to have in its kernel: its tasks, networks and rows as they are known, and the wanted links, rules and services that
 * follow from them. Holds no kernel state and writes none.
 */
import type { PacketRules } from "../../../netns/packet-filter/rules.js";
import type { NodeWanted } from "../../../overlay/wanted.js";
import { EndpointKind } from "../../api/generated/tswarm/v1/link.js";
import { bareAddress } from "./address-family.js";
import type { DataPlaneFacts, DataPlaneOptions, IngressFacts } from "./data-plane-protocol.js";
import type { GatewayAddresses } from "./gateway-addresses.js";
import { hostRules } from "./host-rules.js";
import { ingressRules } from "./ingress-rules.js";
import { carriesIpv6 } from "./ipv6-carriage.js";
import type { LocalTask } from "./local-task.js";
import { ingressGateways, keepsClientAddress } from "./mesh-return.js";
import type { NetworkFacts } from "./network-facts.js";
import { hasWayOut, INGRESS_SANDBOX, ingressAttachment, interfaceNames, nodeWanted } from "./node-wanted.js";
import { RowTable } from "./row-table.js";
import { sandboxRules } from "./sandbox-rules.js";
import { transportProtocol } from "./virtual-services.js";

/** What the kernel can do, as far as it decides what is wanted. */
export interface KernelTraits {
  readonly facts: Pick<DataPlaneFacts, "hasIpv6">;
  canIsolatePorts(): boolean;
}

export class WantedState {
  readonly rows = new RowTable();
  readonly networks = new Map<string, NetworkFacts>();
  readonly tasks = new Map<string, LocalTask>();
  ingress: IngressFacts | undefined;
  readonly #options: DataPlaneOptions;
  readonly #traits: KernelTraits;
  readonly #addresses: GatewayAddresses;

  constructor(options: DataPlaneOptions, traits: KernelTraits, addresses: GatewayAddresses) {
    this.#options = options;
    this.#traits = traits;
    this.#addresses = addresses;
  }

  setIngress(ingress: IngressFacts): void {
    this.ingress = ingress;
    this.#addresses.take(INGRESS_SANDBOX);
  }

  setTask(task: LocalTask): void {
    this.tasks.set(task.id, task);
    if (hasWayOut(task, this.networks)) this.#addresses.take(task.id);
  }

  /** Lets go of gateway addresses whose sandboxes are gone. */
  releaseAddresses(): void {
    this.#addresses.keepOnly(new Set([...this.tasks.keys(), INGRESS_SANDBOX]));
  }

  /** Before anything is made that has one of them. @throws Error of the file system */
  saveAddresses(): void {
    this.#addresses.save();
  }

  node(): NodeWanted {
    return nodeWanted(
      {
        nodeId: this.#options.nodeId,
        bridge: {
          name: this.#options.bridgeName,
          addressPrefix: this.#addresses.bridgePrefix,
          mtu: this.#options.underlayMtu,
          isolated: this.#traits.canIsolatePorts(),
        },
        hasIpv6: this.#traits.facts.hasIpv6,
        vxlanPort: this.#options.vxlanPort,
        underlayMtu: this.#options.underlayMtu,
        networks: this.networks,
        tasks: this.tasks,
        ...(this.ingress ? { ingress: this.ingress } : {}),
        gatewayAddresses: this.#addresses.bySandbox,
      },
      this.rows,
    );
  }

  hostRules(): PacketRules {
    return hostRules({
      bridge: this.#options.bridgeName,
      bridgeSubnet: this.#addresses.subnet,
      ingressAddress: this.ingress && bareAddress(this.#addresses.bySandbox.get(INGRESS_SANDBOX) ?? ""),
      meshPorts: this.#meshPorts(),
      hostPorts: [...this.tasks.values()].flatMap((task) =>
        task.hostPorts.map((port) => ({ ...port, address: bareAddress(this.#addresses.bySandbox.get(task.id) ?? "") })),
      ),
    });
  }

  sandboxRules(sandboxId: string): PacketRules {
    return sandboxId === INGRESS_SANDBOX ? this.#ingressSandboxRules() : this.#taskSandboxRules(sandboxId);
  }

  /** Whether tasks of this node have addresses of IPv6 on a network. */
  carriesIpv6(networkId: string): boolean {
    const facts = this.networks.get(networkId);
    const { underlayMtu } = this.#options;
    return facts !== undefined && carriesIpv6(facts, { hasIpv6: this.#traits.facts.hasIpv6, underlayMtu });
  }

  /** Addresses of all ingress sandboxes: when it changes, tasks of the mesh answer by other gateways. */
  meshGateways(): string {
    if (!this.ingress) return "";
    let text = "";
    for (const endpoint of this.rows.endpointsOf(this.ingress.networkId).values()) {
      if (endpoint.kind === EndpointKind.ENDPOINT_INGRESS_GATEWAY) text += `${endpoint.address} ${endpoint.mac};`;
    }
    return text;
  }

  #taskSandboxRules(sandboxId: string): PacketRules {
    const task = this.tasks.get(sandboxId);
    if (!task) return [];
    const gatewayPrefix = hasWayOut(task, this.networks) ? this.#addresses.bySandbox.get(task.id) : undefined;
    const names = interfaceNames(task.attachments.length, gatewayPrefix !== undefined);
    const ingress = ingressAttachment(task, this.networks);
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
    if (!this.ingress) return [];
    const names = interfaceNames(1, true);
    return ingressRules({
      overlayInterface: names.overlays[0]!,
      overlayAddress: bareAddress(this.ingress.addressPrefix),
      gatewayInterface: names.gateway!,
      gatewaySubnet: this.#addresses.subnet,
      keepClientAddress: keepsClientAddress(ingressGateways(this.rows.endpointsOf(this.ingress.networkId).values())),
    });
  }

  #meshPorts() {
    if (!this.ingress) return [];
    return [...this.rows.servicesOf(this.ingress.networkId).values()].flatMap((row) =>
      row.ports.map((port) => ({ protocol: transportProtocol(port.protocol), port: port.publishedPort })),
    );
  }
}
