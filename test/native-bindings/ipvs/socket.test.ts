/** IPVS of a real kernel, in a namespace of its own. */
import test from "ava";
import { markService, masqueradedDestination } from "../../../native-bindings/ipvs/objects.js";
import { IpvsSocket } from "../../../native-bindings/ipvs/socket.js";
import { RouteSocket, setLink } from "../../../native-bindings/route/index.js";
import { inNewNetworkNamespace } from "../../../native-bindings/thread-namespace.js";

const KEY = { family: "ipv4", mark: 256 } as const;

function kernelHasIpvs(): boolean {
  using socket = IpvsSocket.open();
  return socket !== undefined;
}

const withIpvs = kernelHasIpvs() ? test : test.skip;
const note = kernelHasIpvs() ? "" : " (skipped: this kernel has no IPVS)";

function inNamespaceWithIpvs(work: (socket: IpvsSocket) => void): void {
  inNewNetworkNamespace(() => {
    using route = RouteSocket.open();
    route.execute(setLink({ name: "lo" }, { up: true }));
    using socket = IpvsSocket.open()!;
    work(socket);
  });
}

withIpvs(`services and destinations are made, set, read back and deleted${note}`, (t) => {
  inNamespaceWithIpvs((socket) => {
    const destination = masqueradedDestination("10.0.0.5", 1);
    const refused = socket.write([
      { kind: "add-service", service: markService(256, "rr") },
      { kind: "add-destination", key: KEY, destination },
      { kind: "set-destination", key: KEY, destination: { ...destination, weight: 0 } },
      { kind: "set-service", service: markService(256, "wrr") },
    ]);
    t.deepEqual([...refused], []);
    t.deepEqual(
      socket.services().map(({ key, scheduler }) => [key, scheduler]),
      [[KEY, "wrr"]],
    );
    t.deepEqual(
      socket.destinations(KEY).map(({ address, weight }) => [address, weight]),
      [["10.0.0.5", 0]],
    );
    t.deepEqual(
      [
        ...socket.write([
          { kind: "delete-destination", key: KEY, destination },
          { kind: "delete-service", key: KEY },
        ]),
      ],
      [],
    );
    t.deepEqual(socket.services(), []);
  });
});

withIpvs(`each operation is refused on its own, in words${note}`, (t) => {
  inNamespaceWithIpvs((socket) => {
    const destination = masqueradedDestination("10.0.0.5", 1);
    const refused = socket.write([
      { kind: "delete-service", key: KEY },
      { kind: "add-destination", key: KEY, destination },
      { kind: "add-service", service: markService(256, "rr") },
      { kind: "add-service", service: markService(256, "rr") },
      { kind: "set-destination", key: KEY, destination },
    ]);
    t.deepEqual(
      [...refused].map(([index, { code }]) => [index, code]),
      [
        [0, "ESRCH"],
        [1, "ESRCH"],
        [3, "EEXIST"],
        [4, "ENOENT"],
      ],
    );
    t.regex(refused.get(3)!.message, /^add IPVS service fwmark 256: .*EEXIST/);
    t.deepEqual(socket.destinations({ family: "ipv4", mark: 999 }), []);
  });
});

withIpvs(`timeouts and flush${note}`, (t) => {
  inNamespaceWithIpvs((socket) => {
    socket.setTimeouts({ tcpS: 7200, tcpFinS: 30, udpS: 60 });
    t.deepEqual(socket.timeouts(), { tcpS: 7200, tcpFinS: 30, udpS: 60 });
    socket.write(
      Array.from(
        { length: 300 },
        (_, index) => ({ kind: "add-service", service: markService(256 + index, "rr") }) as const,
      ),
    );
    t.is(socket.services().length, 300);
    socket.flush();
    t.deepEqual(socket.services(), []);
  });
});

if (!kernelHasIpvs()) test("a kernel without IPVS says so", (t) => t.is(IpvsSocket.open(), undefined));
