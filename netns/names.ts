/**
 * Names of namespaces: `tsw-<first 8 of the node's id>-<kind>-<id>`.
 * A start-up thus finds all that earlier runs of this node made, and nothing of another node on the same host.
 */

const PREFIX = "tsw-";
const NODE_CHARACTERS = 8;
/** Longest name: names are file names, and ip(8) takes up to 255 bytes. */
const NAME_MAX = 255;

export interface NamespaceName {
  /** The first 8 characters of the node's id. */
  readonly node: string;
  /** What it is for: `net`, `box`, `ingress` … Letters and digits. */
  readonly kind: string;
  readonly id: string;
}

/** What all names of the node's namespaces begin with. @throws RangeError for an id that cannot be part of a name */
export function namespacePrefix(nodeId: string): string {
  const node = nodeId.slice(0, NODE_CHARACTERS);
  if (!/^[A-Za-z0-9]{8}$/.test(node)) {
    throw new RangeError(`node id "${nodeId}" does not begin with ${NODE_CHARACTERS} letters or digits`);
  }
  return `${PREFIX}${node}-`;
}

/** @throws RangeError for a kind or an id that cannot be part of a name */
export function namespaceName(nodeId: string, kind: string, id: string): string {
  if (!/^[A-Za-z0-9]+$/.test(kind)) throw new RangeError(`kind of namespace "${kind}": letters and digits are allowed`);
  if (!/^[A-Za-z0-9_.-]+$/.test(id)) {
    throw new RangeError(`id of namespace "${id}": letters, digits, "_", "." and "-" are allowed`);
  }
  const name = `${namespacePrefix(nodeId)}${kind}-${id}`;
  if (name.length > NAME_MAX) throw new RangeError(`namespace name "${name}" is longer than ${NAME_MAX} characters`);
  return name;
}

/** @returns undefined for a name that no {@link namespaceName} gives */
export function parseNamespaceName(name: string): NamespaceName | undefined {
  const match = /^tsw-([A-Za-z0-9]{8})-([A-Za-z0-9]+)-([A-Za-z0-9_.-]+)$/.exec(name);
  return match && name.length <= NAME_MAX ? { node: match[1]!, kind: match[2]!, id: match[3]! } : undefined;
}

/** @returns those of `found` that are this node's, and not wanted; in the order of `found` */
export function orphanedNamespaces(nodeId: string, found: Iterable<string>, wanted: ReadonlySet<string>): string[] {
  const prefix = namespacePrefix(nodeId);
  return [...found].filter(
    (name) => name.startsWith(prefix) && parseNamespaceName(name) !== undefined && !wanted.has(name),
  );
}
