/** The netlink sockets of one piece of work in the thread's namespace, opened when first needed. */
import { ConntrackSocket } from "../native-bindings/conntrack/index.js";
import { NftSocket } from "../native-bindings/nftables/socket.js";
import { RouteSocket } from "../native-bindings/route/index.js";
import { closeLater } from "./deferred-close.js";

export class KernelSockets implements Disposable {
  #nft: NftSocket | undefined;
  #route: RouteSocket | undefined;

  get nft(): NftSocket {
    this.#nft ??= NftSocket.open();
    return this.#nft;
  }

  get route(): RouteSocket {
    this.#route ??= RouteSocket.open();
    return this.#route;
  }

  [Symbol.dispose](): void {
    if (this.#nft) closeLater(this.#nft);
    this.#route?.close();
  }
}
