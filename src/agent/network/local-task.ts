/** A task of this node as the data plane sees it: its sandbox, its addresses, its ports. */

import type { TransportProtocol } from "../../../netns/packet-filter/rules.js";
import { isIpv6 } from "../../../overlay/ipv6.js";
import type { Task } from "../../api/generated/docker/swarmkit/v1/objects.js";
import { PortConfig_Protocol, PortConfig_PublishMode } from "../../api/generated/docker/swarmkit/v1/types.js";
import { ProcessSpec } from "../../api/generated/tswarm/v1/process.js";
import { TaskError } from "../executor/executor.js";
import { canonicalPrefix, withPrefixLength } from "./address-family.js";
import { type NetworkFacts, readNetwork } from "./network-facts.js";

export interface PublishedPort {
  readonly protocol: TransportProtocol;
  readonly targetPort: number;
  readonly publishedPort: number;
}

export interface LocalAttachment {
  readonly networkId: string;
  /** "10.0.1.4/24" */
  readonly addressPrefix: string;
  /** "fd00:1::4/64", on a network of both families. */
  readonly addressPrefix6?: string;
}

export interface LocalTask {
  readonly id: string;
  readonly name: string;
  readonly slot: number;
  readonly serviceId: string;
  readonly serviceName: string;
  /** The name that the task has for itself, and that others may call it by. */
  readonly hostname: string;
  /** In the order of the task's interfaces: ingress first. */
  readonly attachments: readonly LocalAttachment[];
  readonly ingressPorts: readonly PublishedPort[];
  readonly hostPorts: readonly PublishedPort[];
}

/** @throws TaskError for a task whose addresses are not all there */
export function readTask(task: Task): { readonly task: LocalTask; readonly networks: readonly NetworkFacts[] } {
  const networks: NetworkFacts[] = [];
  const attachments: LocalAttachment[] = [];
  for (const attachment of task.networks) {
    if (!attachment.network) throw new TaskError(`task ${task.id}: an attachment names no network`, true);
    const facts = readNetwork(attachment.network);
    const four = attachment.addresses.find((candidate) => !isIpv6(candidate));
    const six = facts.subnet6 && attachment.addresses.find(isIpv6);
    if (!four) throw new TaskError(`task ${task.id} has no address on network ${facts.name} yet`, false);
    if (facts.subnet6 && !six) {
      throw new TaskError(`task ${task.id} has no IPv6 address on network ${facts.name} yet`, false);
    }
    networks.push(facts);
    attachments.push({
      networkId: facts.id,
      addressPrefix: withPrefixLength(four, facts.subnet),
      ...(six && { addressPrefix6: canonicalPrefix(withPrefixLength(six, facts.subnet6!)) }),
    });
  }
  const ingressIds = new Set(networks.filter((facts) => facts.ingress).map((facts) => facts.id));
  attachments.sort((a, b) => Number(ingressIds.has(b.networkId)) - Number(ingressIds.has(a.networkId)));
  const ports = (mode: PortConfig_PublishMode) =>
    (task.endpoint?.ports ?? [])
      .filter((port) => port.publishMode === mode && port.publishedPort > 0)
      .map((port) => ({
        protocol: protocolName(port.protocol),
        targetPort: port.targetPort,
        publishedPort: port.publishedPort,
      }));
  return {
    networks,
    task: {
      id: task.id,
      name: task.annotations?.name || taskName(task),
      slot: task.slot,
      serviceId: task.serviceId,
      serviceName: task.serviceAnnotations?.name ?? "",
      hostname: hostnameOf(task),
      attachments,
      ingressPorts: ports(PortConfig_PublishMode.INGRESS),
      hostPorts: ports(PortConfig_PublishMode.HOST),
    },
  };
}

/** `web.1.<task id>`; for a task of a global service the node's id stands for the slot. */
export function taskName(task: Task): string {
  const service = task.serviceAnnotations?.name;
  return service ? `${service}.${task.slot || task.nodeId}.${task.id}` : task.id;
}

/** The hostname that the spec asks for, or else the first twelve characters of the task's id. */
function hostnameOf(task: Task): string {
  const runtime = task.spec?.runtime;
  const short = task.id.slice(0, 12);
  if (runtime?.$case === "container") return runtime.value.hostname || short;
  if (runtime?.$case === "generic" && runtime.value.kind === "process" && runtime.value.payload) {
    return ProcessSpec.decode(runtime.value.payload.value).hostname || short;
  }
  return short;
}

export function protocolName(protocol: PortConfig_Protocol): TransportProtocol {
  if (protocol === PortConfig_Protocol.UDP) return "udp";
  return protocol === PortConfig_Protocol.SCTP ? "sctp" : "tcp";
}
