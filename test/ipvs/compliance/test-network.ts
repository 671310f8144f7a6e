/** Hosts as network namespaces on one bridge, with servers that say who they are and whom they saw. */
import { rmSync } from "node:fs";
import { closePending } from "../../../ipvs/deferred-close.js";
import * as rt from "../../../native-bindings/route/constants.js";
import {
  addAddress,
  addLink,
  addRoute,
  deleteLink,
  RouteSocket,
  setLink,
} from "../../../native-bindings/route/index.js";
import { createNamespace, inNamespace, type Namespace, removeNamespace, writeSysctl } from "../../../netns/index.js";
import { type Server, serveTcp, serveUdp } from "./servers.js";

let networks = 0;

export class TestHost {
  readonly #servers: Server[] = [];

  constructor(
    readonly name: string,
    /** Bare. */
    readonly address: string,
    readonly namespace: Namespace,
  ) {}

  /** Runs synchronous work inside. */
  inside<T>(work: () => T): T {
    return inNamespace(this.namespace, work);
  }

  /** One more address. */
  carry(addressPrefix: string): void {
    this.inside(() => addPrefix(addressPrefix));
  }

  /** A route straight onto the wire, without a gateway. */
  route(destination: string): void {
    this.inside(() => {
      using socket = RouteSocket.open();
      socket.execute(addRoute({ destination, linkIndex: socket.linkIndex("eth0") }));
    });
  }

  async serveTcp(port: number): Promise<this> {
    this.#servers.push(await serveTcp(this, port));
    return this;
  }

  async serveUdp(port: number): Promise<this> {
    this.#servers.push(await serveUdp(this, port));
    return this;
  }

  async close(): Promise<void> {
    await Promise.all(this.#servers.map((server) => server.close()));
    this.namespace.close();
  }
}

export class TestNetwork implements AsyncDisposable {
  readonly #prefix = `tsw-lbt${process.pid}-${networks++}`;
  readonly #hub: Namespace;
  readonly #hosts: TestHost[] = [];

  constructor() {
    this.#hub = createNamespace(`${this.#prefix}-hub`);
    this.#inHub((socket) => {
      socket.execute(addLink({ kind: "bridge", name: "br0", up: true }));
    });
  }

  /** A namespace with `eth0` on the bridge. @param addressPrefix "10.77.0.5/24", "fd00:77::5/64" */
  host(name: string, addressPrefix: string, routes: Readonly<Record<string, string>> = {}): TestHost {
    const [address = ""] = addressPrefix.split("/");
    const namespace = createNamespace(`${this.#prefix}-${name}`);
    const host = new TestHost(name, address, namespace);
    this.#hosts.push(host);
    this.#inHub((socket) => {
      const port = `p${this.#hosts.length}`;
      const peer = { name: "eth0", namespaceFd: namespace.fd };
      socket.execute(addLink({ kind: "veth", name: port, master: socket.linkIndex("br0"), up: true, peer }));
    });
    // Link-local addresses and their duplicate detection would only add packets.
    if (!address.includes(":")) writeSysctl(namespace, "net/ipv6/conf/all/disable_ipv6", 1);
    else writeSysctl(namespace, "net/ipv6/conf/eth0/addr_gen_mode", 1);
    host.inside(() => {
      using socket = RouteSocket.open();
      const linkIndex = socket.linkIndex("eth0");
      addPrefix(addressPrefix);
      socket.execute(setLink({ index: linkIndex }, { up: true }));
      for (const [destination, gateway] of Object.entries(routes)) {
        socket.execute(addRoute({ destination, gateway, linkIndex }));
      }
    });
    return host;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#hosts.map((host) => host.close()));
    closePending();
    for (const { namespace } of this.#hosts) removeNamespace(namespace.name);
    this.#inHub((socket) => socket.execute(deleteLink({ name: "br0" })));
    this.#hub.close();
    removeNamespace(this.#hub.name);
    for (const { namespace } of this.#hosts) rmSync(namespace.path, { force: true });
  }

  #inHub(work: (socket: RouteSocket) => void): void {
    inNamespace(this.#hub, () => {
      using socket = RouteSocket.open();
      work(socket);
    });
  }
}

/** To `eth0` of the thread's namespace. */
function addPrefix(addressPrefix: string): void {
  const [address = "", length] = addressPrefix.split("/");
  const flags = address.includes(":") ? { flags: rt.IFA_F_NODAD } : {};
  using socket = RouteSocket.open();
  socket.execute(addAddress({ linkIndex: socket.linkIndex("eth0"), address, prefixLength: Number(length), ...flags }));
}
