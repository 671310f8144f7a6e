/** What every session is told alike: who manages the cluster, which roots it trusts, the keys of its networks. */
import { isDeepStrictEqual } from "node:util";
import { SessionMessage } from "../../api/generated/docker/swarmkit/v1/dispatcher.js";
import type { Node } from "../../api/generated/docker/swarmkit/v1/objects.js";
import { type EncryptionKey, NodeRole, type WeightedPeer } from "../../api/generated/docker/swarmkit/v1/types.js";
import type { StoreReader } from "../../store/reader.js";
import { trustedRoots } from "../ca/cluster-root.js";
import { managerPeers, samePeers } from "./manager-list.js";
import type { SharedNews } from "./order-writer.js";

export class SessionNews {
  /** For as long as no manager has written where it is. */
  readonly #self: WeightedPeer;
  #managers: readonly WeightedPeer[] = [];
  /** PEM: all roots that a node is to trust. */
  #roots = "";
  #keys: readonly EncryptionKey[] = [];
  #bytes: SharedNews = Buffer.alloc(0);

  constructor(self: WeightedPeer) {
    this.#self = self;
  }

  /** Encoded; another buffer when something has changed. */
  get bytes(): SharedNews {
    return this.#bytes;
  }

  /** @returns whether something has changed */
  look(read: StoreReader): boolean {
    const [cluster] = read.all("cluster");
    const listed = managerPeers(read.find("node", "role", String(NodeRole.MANAGER)));
    const managers = listed.length > 0 ? listed : [this.#self];
    const roots = cluster?.rootCa ? trustedRoots(cluster.rootCa) : "";
    const keys = cluster?.networkBootstrapKeys ?? [];
    if (samePeers(managers, this.#managers) && roots === this.#roots && isDeepStrictEqual(keys, this.#keys))
      return false;
    this.#managers = managers;
    this.#roots = roots;
    this.#keys = keys;
    const message = {
      sessionId: "",
      node: undefined,
      managers,
      networkBootstrapKeys: keys,
      RootCA: Buffer.from(roots),
    };
    this.#bytes = Buffer.from(SessionMessage.encode(message).finish());
    return true;
  }
}

/** What an agent acts on; its own status is not news to it. */
export function concernsAgent(node: Node, told: Node): boolean {
  return (
    !isSame(node.spec, told.spec) ||
    node.role !== told.role ||
    !isSame(node.attachments, told.attachments) ||
    !isSame(node.certificate, told.certificate) ||
    node.VXLANUDPPort !== told.VXLANUDPPort
  );
}

/** On a manager that only follows, unchanged parts are not the same objects. */
function isSame(a: unknown, b: unknown): boolean {
  return a === b || isDeepStrictEqual(a, b);
}
