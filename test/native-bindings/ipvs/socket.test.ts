/** IPVS of a real kernel, in a namespace of its own. */
import { markService, masqueradedDestination } from "../../../native-bindings/ipvs/objects.js";
import { IpvsSocket } from "../../../native-bindings/ipvs/socket.js";
import { RouteSocket, setLink } from "../../../native-bindings/route/index.js";
import { inNewNetworkNamespace } from "../../../native-bindings/thread-namespace.js";
import { kernelTest } from "../../kernel/kernel-test.js";

const KEY = { family: "ipv4", mark: 256 } as const;

function inNamespaceWithIpvs(work: (socket: IpvsSocket) => void): void {
  inNewNetworkNamespace(() => {
    using route = RouteSocket.open();
    route.execute(setLink({ name: "lo" }, { up: true }));
    using socket = IpvsSocket.open()!;
    work(socket);
  });
}

kernelTest("services and destinations are made, set, read back and deleted", { needs: ["ipvs"] }, (t) => {
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

kernelTest("each operation is refused on its own, in words", { needs: ["ipvs"] }, (t) => {
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

kernelTest("timeouts and flush", { needs: ["ipvs"] }, (t) => {
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
