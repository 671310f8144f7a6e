/**
 * Names of links. All follow from ids, so that a restarted agent finds what an earlier one made.
 * The kernel allows 15 characters: ids of any length are hashed.
 */
import { createHash } from "node:crypto";
import { namespaceName, namespacePrefix, parseNamespaceName } from "../netns/names.js";

/** Longest name of a link: IFNAMSIZ less the final NUL. */
export const LINK_NAME_MAX = 15;
export const LOOPBACK = "lo";
/** In a network's namespace. */
export const BRIDGE = "br0";
export const VXLAN = "vxlan0";

const NETWORK_KIND = "net";
const SANDBOX_KIND = "sbx";
/** Longest id that stands in a namespace's name as it is. */
const PLAIN_ID_MAX = 64;

/** @throws RangeError for a node id that does not begin with 8 letters or digits */
export function networkNamespace(nodeId: string, networkId: string): string {
  return namespaceName(nodeId, NETWORK_KIND, fileNamePart(networkId));
}

/** @throws RangeError for a node id that does not begin with 8 letters or digits */
export function sandboxNamespace(nodeId: string, sandboxId: string): string {
  return namespaceName(nodeId, SANDBOX_KIND, fileNamePart(sandboxId));
}

/** @returns what a namespace is for; undefined for one that is not this layer's, or not this node's */
export function roleOfNamespace(nodeId: string, name: string): "network" | "sandbox" | undefined {
  const kind = name.startsWith(namespacePrefix(nodeId)) ? parseNamespaceName(name)?.kind : undefined;
  if (kind === NETWORK_KIND) return "network";
  return kind === SANDBOX_KIND ? "sandbox" : undefined;
}

/** Ids of the cluster are letters and digits and stay readable; any other one is hashed. */
function fileNamePart(id: string): string {
  return id.length <= PLAIN_ID_MAX && /^[A-Za-z0-9][A-Za-z0-9.-]*$/.test(id) ? id : `_${digest(id, 25)}`;
}

/** The leg in the network's namespace of a sandbox's interface: "v" and 14 characters. */
export function portName(sandboxPlace: string, interfaceName: string): string {
  return `v${digest(`${sandboxPlace}\n${interfaceName}`, 14)}`;
}

/** The leg in the host's namespace of a sandbox's gateway interface: 7 characters of the node, 8 of the sandbox. */
export function gatewayPortName(nodeId: string, sandboxPlace: string): string {
  return gatewayPortPrefix(nodeId) + digest(sandboxPlace, 8);
}

/** What the names of all gateway legs of this node begin with. */
export function gatewayPortPrefix(nodeId: string): string {
  return `t${digest(namespacePrefix(nodeId), 6)}`;
}

/** @returns whether a link of the host's namespace has the name of a gateway leg of this node */
export function isGatewayPort(nodeId: string, linkName: string): boolean {
  return linkName.length === LINK_NAME_MAX && linkName.startsWith(gatewayPortPrefix(nodeId));
}

/** @returns whether the kernel takes `name` for a link */
export function isLinkName(name: string): boolean {
  return name.length <= LINK_NAME_MAX && /^[A-Za-z0-9][A-Za-z0-9_.-]*$/.test(name);
}

/** Every look asks for the same names again. */
const digests = new Map<string, string>();
const DIGESTS_MAX = 8192;

/** The last `length` digits of a hash, in base 36. */
function digest(text: string, length: number): string {
  const known = digests.get(text);
  if (known !== undefined) return known.slice(-length);
  const value = BigInt(`0x${createHash("sha256").update(text).digest("hex")}`)
    .toString(36)
    .padStart(50, "0");
  if (digests.size >= DIGESTS_MAX) digests.clear();
  digests.set(text, value);
  return value.slice(-length);
}
