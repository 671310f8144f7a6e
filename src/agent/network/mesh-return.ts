/**
 * How answers of a published port find their way back without rewriting the client's address.
 *
 * A request from outside enters at some node, whose ingress sandbox picks a task and sends the packet on with the client's own
 * source address. The task's sandbox notes, by the MAC address of the frame, which ingress sandbox that was, as the mark of the
 * connection; answers carry the mark and are routed back to that ingress sandbox, which undoes its choice of destination.
 *
 * ```
 *  connection mark   0x40000000 | host part of the ingress sandbox's address
 *  routing table     the same number; default route by that ingress sandbox
 * ```
 * A task's sandbox needs one rule and one route per node. Beyond {@link RETURN_NODES_MAX} nodes the ingress sandboxes rewrite
 * the source instead: the mesh goes on to work, and the client's address is that of the ingress sandbox.
 */

import type { PacketRule } from "../../../netns/packet-filter/rules.js";
import type { ReturnRoute } from "../../../overlay/wanted.js";
import { EndpointKind } from "../../api/generated/tswarm/v1/link.js";
import type { Endpoint } from "../cluster-view.js";

export const RETURN_NODES_MAX = 512;
const RETURN_FLAG = 0x40000000;

/** The ingress sandboxes of all nodes, in the order of their addresses. */
export function ingressGateways(endpoints: Iterable<Endpoint>): readonly Endpoint[] {
  return [...endpoints]
    .filter((endpoint) => endpoint.kind === EndpointKind.ENDPOINT_INGRESS_GATEWAY)
    .sort((a, b) => addressNumber(a.address) - addressNumber(b.address));
}

export function keepsClientAddress(gateways: readonly Endpoint[]): boolean {
  return gateways.length <= RETURN_NODES_MAX;
}

export function returnRoutes(
  gateways: readonly Endpoint[],
  ingressSubnet: string,
  interfaceName: string,
): readonly ReturnRoute[] {
  return gateways.slice(0, RETURN_NODES_MAX).map((gateway) => {
    const mark = returnMark(gateway.address, ingressSubnet);
    return { mark, mask: 0xffffffff, table: mark, via: gateway.address, interfaceName };
  });
}

export function returnRules(
  gateways: readonly Endpoint[],
  ingressSubnet: string,
  interfaceName: string,
): readonly PacketRule[] {
  if (gateways.length === 0) return [];
  const notes: PacketRule[] = gateways.slice(0, RETURN_NODES_MAX).map((gateway) => ({
    key: `return/note/${gateway.address}`,
    hook: "prerouting",
    match: { inInterface: interfaceName, sourceMac: gateway.mac, connectionState: ["new"] },
    action: { kind: "connection-mark", value: returnMark(gateway.address, ingressSubnet) },
  }));
  const restore: PacketRule = {
    key: "return/restore",
    hook: "output",
    match: { connectionMark: { value: RETURN_FLAG, mask: RETURN_FLAG } },
    action: { kind: "restore-mark" },
  };
  return [...notes, restore];
}

function returnMark(address: string, subnet: string): number {
  const prefixLength = Number(subnet.slice(subnet.indexOf("/") + 1));
  const hostBits = 32 - prefixLength;
  return RETURN_FLAG | (addressNumber(address) % 2 ** hostBits);
}

/** "10.0.0.1" → 167772161 */
export function addressNumber(address: string): number {
  let value = 0;
  for (const part of address.split(".")) value = value * 256 + Number(part);
  return value;
}
