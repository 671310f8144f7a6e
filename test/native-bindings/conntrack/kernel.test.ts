/** Connections are told to the kernel by netlink, so that no traffic and no rules are needed to have some. */
import test from "ava";
import * as ct from "../../../native-bindings/conntrack/constants.js";
import {
  type ConntrackEntry,
  type ConntrackFilter,
  writeConntrackEntry,
} from "../../../native-bindings/conntrack/entry.js";
import { ConntrackSocket } from "../../../native-bindings/conntrack/socket.js";
import { AF_INET, AF_INET6 } from "../../../native-bindings/libc.js";
import { NETLINK_NETFILTER, NLM_F_CREATE, NLM_F_EXCL } from "../../../native-bindings/netlink/constants.js";
import { MessageWriter } from "../../../native-bindings/netlink/message-writer.js";
import { NetlinkSocket } from "../../../native-bindings/netlink/socket.js";
import { inNewNetworkNamespace } from "../../../native-bindings/thread-namespace.js";
import { kernelTest } from "../../kernel/kernel-test.js";

const NEEDS = { needs: ["conntrack"] } as const;
const VIP = "10.9.9.9";

/** A flow from 10.0.0.2 to the VIP that was led to the backend. */
function flow(backend: string, sourcePort: number, protocol = ct.IPPROTO_UDP, backendPort = 5353): ConntrackEntry {
  return {
    original: { source: "10.0.0.2", destination: VIP, protocol, sourcePort, destinationPort: 53 },
    reply: { source: backend, destination: "10.0.0.2", protocol, sourcePort: backendPort, destinationPort: sourcePort },
    status: ct.IPS_SEEN_REPLY | ct.IPS_ASSURED | ct.IPS_CONFIRMED,
    timeoutSeconds: 300,
    mark: 0,
    zone: 0,
    ...(protocol === ct.IPPROTO_TCP ? { tcpState: 3 } : {}),
  };
}

function withEntries(entries: readonly ConntrackEntry[], work: (socket: ConntrackSocket) => void): void {
  inNewNetworkNamespace(() => {
    using netlink = NetlinkSocket.open(NETLINK_NETFILTER);
    const writer = new MessageWriter();
    for (const entry of entries) {
      writer.begin(ct.CT_NEW, NLM_F_CREATE | NLM_F_EXCL);
      writeConntrackEntry(writer, entry);
      writer.end();
    }
    for (const error of netlink.batch(writer, (index) => `track connection ${index}`).values()) throw error;
    using socket = ConntrackSocket.open();
    work(socket);
  });
}

const ports = (socket: ConntrackSocket) =>
  socket
    .entries()
    .map((entry) => entry.original.sourcePort ?? 0)
    .sort((a, b) => a - b);

kernelTest("entries of the kernel, whole and filtered", NEEDS, (t) => {
  withEntries([flow("10.0.0.5", 1), flow("10.0.0.6", 2), flow("10.0.0.5", 3, ct.IPPROTO_TCP)], (socket) => {
    t.deepEqual(ports(socket), [1, 2, 3]);
    const tcp = socket.entries().find((entry) => entry.original.protocol === ct.IPPROTO_TCP);
    t.like(tcp, { ...flow("10.0.0.5", 3, ct.IPPROTO_TCP), timeoutSeconds: tcp?.timeoutSeconds, status: tcp?.status });
    t.true((tcp?.timeoutSeconds ?? 0) > 290);
    t.is(socket.entries({ reply: { source: "10.0.0.5" } }).length, 2);
    t.is(socket.entries({ reply: { source: "10.0.0.5", protocol: 17 }, original: { destination: VIP } }).length, 1);
    t.deepEqual(socket.entries({ family: AF_INET6 }), []);
  });
});

kernelTest("entries of IPv6, whole and filtered by address", { needs: ["conntrack", "ipv6"] }, (t) => {
  const to = (backend: string, sourcePort: number): ConntrackEntry => {
    const { original, reply, ...rest } = flow("10.0.0.5", sourcePort);
    const [source, destination] = ["fd00::2", "fd00:9::9"];
    return {
      ...rest,
      original: { ...original, source, destination },
      reply: { ...reply, source: backend, destination: source },
    };
  };
  withEntries([flow("10.0.0.5", 1), to("fd00::5", 2), to("fd00::6", 3)], (socket) => {
    t.deepEqual(ports(socket), [1]);
    const found = (filter: ConntrackFilter) =>
      socket
        .entries(filter)
        .map((entry) => entry.original.sourcePort)
        .sort();
    t.deepEqual(found({ family: AF_INET6 }), [2, 3]);
    t.deepEqual(found({ reply: { source: "fd00::5" } }), [2]);
    t.deepEqual(found({ original: { destination: "fd00:9::9", protocol: ct.IPPROTO_UDP } }), [2, 3]);
    t.deepEqual(found({ original: { destination: "fd00:9::9", protocol: ct.IPPROTO_TCP } }), []);
    t.deepEqual(found({ original: { destination: "fd00:9::8" } }), []);
    t.deepEqual(socket.deleteToBackend({ address: "fd00::5" }), { deleted: 1, left: 0 });
    t.deepEqual(found({ family: AF_INET6 }), [3]);
    t.deepEqual(ports(socket), [1]);
  });
});

kernelTest("one entry is deleted; the one that took its place is not", NEEDS, (t) => {
  withEntries([flow("10.0.0.5", 1)], (socket) => {
    const [entry] = socket.entries();
    t.false(socket.delete({ ...entry!, id: (entry!.id ?? 0) ^ 1 }));
    t.true(socket.delete(entry!));
    t.false(socket.delete(entry!));
    t.deepEqual(ports(socket), []);
  });
});

kernelTest("the UDP flows to a removed backend go, and no others", NEEDS, (t) => {
  const entries = [
    flow("10.0.0.5", 1),
    flow("10.0.0.6", 2),
    flow("10.0.0.5", 3, ct.IPPROTO_TCP),
    flow("10.0.0.5", 4, ct.IPPROTO_UDP, 9999),
  ];
  withEntries(entries, (socket) => {
    t.deepEqual(socket.deleteToBackend({ address: "10.0.0.5", port: 5353 }), { deleted: 1, left: 0 });
    t.deepEqual(ports(socket), [2, 3, 4]);
    t.deepEqual(socket.deleteToBackend({ address: "10.0.0.5", askedAddress: "10.9.9.8" }), { deleted: 0, left: 0 });
    const protocols = [ct.IPPROTO_TCP, ct.IPPROTO_UDP, ct.IPPROTO_SCTP];
    t.deepEqual(socket.deleteToBackend({ address: "10.0.0.5", askedAddress: VIP, protocols }), { deleted: 2, left: 0 });
    t.deepEqual(ports(socket), [2]);
  });
});

kernelTest("thousands of flows to one backend", NEEDS, (t) => {
  withEntries(
    Array.from({ length: 5000 }, (_, index) => flow(index % 2 === 0 ? "10.0.0.5" : "10.0.0.6", 1 + index)),
    (socket) => {
      t.is(socket.entries().length, 5000);
      t.deepEqual(socket.deleteToBackend({ address: "10.0.0.5" }), { deleted: 2500, left: 0 });
      t.is(socket.entries().length, 2500);
    },
  );
});

kernelTest("a flush by mark, by family, of all", NEEDS, (t) => {
  withEntries(
    [{ ...flow("10.0.0.5", 1), mark: 0x101 }, { ...flow("10.0.0.5", 2), mark: 0x202 }, flow("10.0.0.5", 3)],
    (socket) => {
      socket.flush(AF_INET, { value: 0x100, mask: 0xff00 });
      t.deepEqual(ports(socket), [2, 3]);
      socket.flush(AF_INET6);
      t.deepEqual(ports(socket), [2, 3]);
      socket.flush(AF_INET);
      t.deepEqual(ports(socket), []);
    },
  );
});

test("looking for entries that keep coming is bounded, and says what was left", (t) => {
  const looks: number[] = [];
  class Endless extends ConntrackSocket {
    override entries(): ConntrackEntry[] {
      looks.push(looks.length);
      return [flow("10.0.0.5", looks.length)];
    }
  }
  const neverMissing = { batch: () => new Map() } as unknown as NetlinkSocket;
  t.deepEqual(
    new Endless(neverMissing).deleteMatching(() => true),
    { deleted: 4, left: 1 },
  );
  t.is(looks.length, 5);
});
