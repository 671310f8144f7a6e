/** Namespaces held open while steps are applied: a descriptor, a socket inside, and the indexes of links. */
import { closeSync, openSync } from "node:fs";
import { RouteSocket } from "../native-bindings/route/index.js";
import { inNamespace, openNamespace } from "../netns/namespace.js";
import { HOST, type Place } from "./kernel-objects.js";

export interface OpenPlace {
  readonly fd: number;
  readonly socket: RouteSocket;
  /** By name; forgotten when a link comes or goes. */
  readonly indexes: Map<string, number>;
}

/** A namespace lives as long as one of these is open: {@link close} it before removing the name. */
export class OpenPlaces implements Disposable {
  readonly #open = new Map<Place, OpenPlace>();

  /** @throws NamespaceError ENOENT when there is none */
  get(place: Place): OpenPlace {
    const known = this.#open.get(place);
    if (known) return known;
    const fd = place === HOST ? openSync("/proc/thread-self/ns/net", "r") : openDescriptor(place);
    try {
      const socket = inNamespace(fd, () => RouteSocket.open());
      const opened = { fd, socket, indexes: new Map<string, number>() };
      this.#open.set(place, opened);
      return opened;
    } catch (error) {
      closeSync(fd);
      throw error;
    }
  }

  /** @throws NetlinkError ENODEV when there is no such link */
  indexOf(place: Place, link: string): number {
    const { indexes, socket } = this.get(place);
    const known = indexes.get(link);
    if (known !== undefined) return known;
    const index = socket.linkIndex(link);
    indexes.set(link, index);
    return index;
  }

  /** A removed link takes its other leg along, wherever that is. */
  forgetIndexes(): void {
    for (const { indexes } of this.#open.values()) indexes.clear();
  }

  close(place: Place): void {
    const opened = this.#open.get(place);
    if (!opened) return;
    this.#open.delete(place);
    opened.socket.close();
    closeSync(opened.fd);
  }

  [Symbol.dispose](): void {
    for (const place of [...this.#open.keys()]) this.close(place);
  }
}

/** A descriptor that is this module's to close. */
function openDescriptor(place: Place): number {
  return openNamespace(place).fd;
}
