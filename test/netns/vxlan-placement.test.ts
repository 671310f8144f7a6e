/** Where a VXLAN device's UDP socket lives is what separates a network's packets from the host's marks. */
import { readFileSync } from "node:fs";
import type { ExecutionContext } from "ava";
import { addAddress, addLink, type LinkSpec, RouteSocket, setLink } from "../../native-bindings/route/index.js";
import { inNamespace, type Namespace, openUdpSocket, portOf } from "../../netns/index.js";
import { kernelTest } from "../kernel/kernel-test.js";
import { scratchNamespace } from "./scratch.js";

const PORT = 4789;
const device = (namespaceFd?: number): LinkSpec => ({
  kind: "vxlan",
  name: "vxlan0",
  mtu: 1450,
  ...(namespaceFd === undefined ? {} : { namespaceFd }),
  vxlan: { vni: 4097, port: PORT, learning: false },
});

/** Whether a UDP socket with the VXLAN port lives there. */
function hasTunnelSocket(namespace: Namespace): boolean {
  const hexPort = PORT.toString(16).toUpperCase().padStart(4, "0");
  const sockets = inNamespace(namespace, () => readFileSync("/proc/thread-self/net/udp", "utf8"));
  return sockets.split("\n").some((line) => line.includes(` 00000000:${hexPort} `));
}

function socketIn(t: ExecutionContext, namespace: Namespace): RouteSocket {
  const socket = inNamespace(namespace, () => RouteSocket.open());
  t.teardown(() => socket.close());
  return socket;
}

const WAYS: Readonly<Record<string, (host: RouteSocket, network: Namespace) => void>> = {
  "made by the host directly in the network's namespace": (host, network) => host.execute(addLink(device(network.fd))),
  "made in the host's namespace and moved": (host, network) => {
    host.execute(addLink(device()));
    host.execute(setLink({ name: "vxlan0" }, { namespaceFd: network.fd }));
  },
};

for (const [way, make] of Object.entries(WAYS)) {
  kernelTest(`a VXLAN device ${way} keeps its UDP socket in the host's`, { needs: ["vxlan"] }, (t) => {
    const [host, network] = [scratchNamespace(t, "host"), scratchNamespace(t, "network")];
    const [inHost, inNetwork] = [socketIn(t, host), socketIn(t, network)];
    make(inHost, network);
    inNetwork.execute(setLink({ name: "vxlan0" }, { up: true }));
    t.is(inHost.link({ name: "vxlan0" }), undefined);
    const link = inNetwork.link({ name: "vxlan0" });
    t.like(link, { kind: "vxlan", mtu: 1450, up: true, vxlan: { vni: 4097, port: PORT, learning: false } });
    t.is(link?.linkNamespaceId, inNetwork.namespaceId(host.fd));
    t.true(hasTunnelSocket(host));
    t.false(hasTunnelSocket(network));
    const again = t.throws(() => inHost.execute(addLink({ ...device(), name: "vxlan1" })));
    t.regex(again.message, /EEXIST/);
  });
}

kernelTest("made inside, the socket is inside, and the link says so", { needs: ["vxlan"] }, (t) => {
  const network = scratchNamespace(t, "network");
  const socket = socketIn(t, network);
  socket.execute(addLink({ ...device(), up: true }));
  t.true(hasTunnelSocket(network));
  t.is(socket.link({ name: "vxlan0" })?.linkNamespaceId, undefined);
});

kernelTest("packets pass between two hosts' networks made so", { needs: ["vxlan"] }, async (t) => {
  const sides = ["one", "two"].map((side, index) => ({
    host: scratchNamespace(t, `host-${side}`),
    network: scratchNamespace(t, `network-${side}`),
    tunnel: `192.0.2.${index + 1}`,
    address: `10.0.1.${index + 1}`,
    mac: `02:42:0a:00:01:0${index + 1}`,
  }));
  const [one, two] = [sides[0]!, sides[1]!];
  socketIn(t, one.host).execute(
    addLink({ kind: "veth", name: "under0", peer: { name: "under0", namespaceFd: two.host.fd } }),
  );
  for (const [side, other] of [[one, two] as const, [two, one] as const]) {
    const host = socketIn(t, side.host);
    host.execute(setLink({ name: "under0" }, { up: true }));
    host.execute(addAddress({ linkIndex: host.linkIndex("under0"), address: side.tunnel, prefixLength: 24 }));
    host.execute(
      addLink({
        ...device(side.network.fd),
        mac: side.mac,
        up: true,
        vxlan: { vni: 4097, port: PORT, learning: false, remote: other.tunnel },
      } as LinkSpec),
    );
    const network = socketIn(t, side.network);
    network.execute(addAddress({ linkIndex: network.linkIndex("vxlan0"), address: side.address, prefixLength: 24 }));
  }
  const server = await openUdpSocket(two.network, { address: two.address, port: 0 });
  const client = await openUdpSocket(one.network, { address: one.address, port: 0 });
  t.teardown(() => {
    server.close();
    client.close();
  });
  const heard = new Promise<string>((resolve) => {
    server.on("message", (message, from) => resolve(`${message} from ${from.address}`));
  });
  client.send("hello", portOf(server), two.address);
  t.is(await heard, "hello from 10.0.1.1");
});
