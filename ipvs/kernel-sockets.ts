/** The netlink sockets of one piece of work in the thread's namespace, opened when first needed. */
import { ConntrackSocket } from "../native-bindings/conntrack/index.js";
import { IpvsSocket } from "../native-bindings/ipvs/socket.js";
import { NftSocket } from "../native-bindings/nftables/socket.js";
import { RouteSocket } from "../native-bindings/route/index.js";
import { closeLater } from "./deferred-close.js";
import { LoadBalancerWriteError } from "./errors.js";

export class KernelSockets implements Disposable {
  #nft: NftSocket | undefined;
  #route: RouteSocket | undefined;
  #ipvs: IpvsSocket | undefined;
  #connections: ConntrackSocket | undefined;

  get nft(): NftSocket {
    this.#nft ??= NftSocket.open();
    return this.#nft;
  }

  get route(): RouteSocket {
    this.#route ??= RouteSocket.open();
    return this.#route;
  }

  /** @throws LoadBalancerWriteError when this kernel has no IPVS */
  get ipvs(): IpvsSocket {
    this.#ipvs ??= IpvsSocket.open();
    if (!this.#ipvs) throw new LoadBalancerWriteError("ipvs", ["this kernel has no IPVS"]);
    return this.#ipvs;
  }

  get connections(): ConntrackSocket {
    this.#connections ??= ConntrackSocket.open();
    return this.#connections;
  }

  [Symbol.dispose](): void {
    if (this.#nft) closeLater(this.#nft);
    if (this.#connections) closeLater(this.#connections);
    this.#route?.close();
    this.#ipvs?.close();
  }
}
