import { readFileSync, writeFileSync } from "node:fs";
import test from "ava";
import { AF_INET6 } from "../../../native-bindings/libc.js";
import { NetlinkError } from "../../../native-bindings/netlink/errors.js";
import * as nb from "../../../native-bindings/route/index.js";
import { inNewNetworkNamespace } from "../../../native-bindings/thread-namespace.js";
import { kernelTest } from "../../kernel/kernel-test.js";

const { rt } = nb;

/** Runs with a socket in a namespace that goes with it. */
function inScratch(work: (socket: nb.RouteSocket) => void): void {
  inNewNetworkNamespace(() => {
    using socket = nb.RouteSocket.open();
    socket.execute(nb.setLink({ name: "lo" }, { up: true }));
    work(socket);
  });
}

const VXLAN = { vni: 4097, port: 4789, learning: false, proxy: true, l2Miss: true, l3Miss: true };

test("the loopback link of a new namespace", (t) => {
  inScratch((socket) => {
    const [lo, ...others] = socket.links().filter((link) => link.kind === "loopback");
    t.deepEqual(others, []);
    t.like(lo, { index: 1, name: "lo", up: true, mtu: 65536, mac: "00:00:00:00:00:00", master: 0 });
    t.is(socket.link({ name: "nosuch" }), undefined);
    t.is(socket.link({ index: 999 }), undefined);
    t.throws(() => socket.linkIndex("nosuch"), { instanceOf: NetlinkError, message: /^look at link nosuch: .*ENODEV/ });
  });
});

kernelTest("a bridge with its options, and a port with its own", { needs: ["bridge"] }, (t) => {
  inScratch((socket) => {
    const bridge = { ageingMs: 60_000, forwardDelayMs: 0, stp: false, multicastSnooping: false, priority: 4096 };
    socket.execute(
      nb.addLink({ kind: "bridge", name: "br0", index: 40, mtu: 1450, mac: "02:42:0a:00:01:01", up: true, bridge }),
    );
    t.like(socket.link({ name: "br0" }), {
      index: 40,
      kind: "bridge",
      mtu: 1450,
      mac: "02:42:0a:00:01:01",
      up: true,
      bridge,
    });
    socket.execute(nb.setLink({ name: "br0" }, { bridge: { ageingMs: 0 } }));
    t.is(socket.link({ index: 40 })?.bridge?.ageingMs, 0);

    const port = { learning: false, hairpin: true, isolated: true, unicastFlood: false, multicastFlood: false };
    socket.execute(
      nb.addLink({ kind: "veth", name: "port0", master: 40, up: true, peer: { name: "eth9", mtu: 1400 } }),
    );
    socket.execute(nb.setBridgePort(socket.linkIndex("port0"), port));
    t.like(socket.link({ name: "port0" }), { kind: "veth", master: 40, port });
    t.like(socket.link({ name: "eth9" }), { mtu: 1400, peerIndex: socket.linkIndex("port0"), up: false });
    t.deepEqual(
      socket.links({ master: 40 }).map((link) => link.name),
      ["port0"],
    );
    t.deepEqual(
      socket.links({ kind: "bridge" }).map((link) => link.name),
      ["br0"],
    );
    t.deepEqual(socket.links({ kind: "nosuchkind" }), []);

    socket.execute(nb.setLink({ name: "port0" }, { master: 0 }));
    t.like(socket.link({ name: "port0" }), { master: 0, port: undefined });
    const index = socket.linkIndex("port0");
    socket.execute(nb.setLink({ index }, { up: false }));
    socket.execute(nb.setLink({ index }, { name: "renamed", mac: "02:42:0a:00:01:09", mtu: 1300 }));
    t.like(socket.link({ index }), { name: "renamed", mac: "02:42:0a:00:01:09", mtu: 1300, up: false });
    socket.execute(nb.deleteLink({ index }));
    t.is(socket.link({ name: "eth9" }), undefined);
  });
});

kernelTest(
  "a VXLAN device with its options; the same VNI a second time is refused in the kernel's words",
  { needs: ["vxlan"] },
  (t) => {
    inScratch((socket) => {
      socket.execute(
        nb.addLink({ kind: "vxlan", name: "vxlan0", mtu: 1450, vxlan: { ...VXLAN, ttl: 7, ageingSeconds: 60 } }),
      );
      t.like(socket.link({ name: "vxlan0" }), {
        kind: "vxlan",
        mtu: 1450,
        vxlan: { ...VXLAN, ttl: 7, ageingSeconds: 60, routeShortCircuit: false, collectMetadata: false },
        linkNamespaceId: undefined,
      });
      const error = t.throws(() => socket.execute(nb.addLink({ kind: "vxlan", name: "vxlan1", vxlan: VXLAN })), {
        instanceOf: NetlinkError,
      });
      t.is(error.code, "EEXIST");
      t.true(error.message.startsWith("add vxlan vxlan1 with VNI 4097: "), error.message);
      t.regex(error.kernelText ?? "", /VNI already exists/);
    });
  },
);

kernelTest("a link's IPv6 settings are told as their files show them", { needs: ["ipv6"] }, (t) => {
  inScratch((socket) => {
    socket.execute(nb.addLink({ kind: "veth", name: "port0", peer: { name: "port1" } }));
    const file = (name: string) => `/proc/sys/net/ipv6/conf/port0/${name}`;
    const names = ["accept_ra", "accept_redirects", "autoconf", "dad_transmits", "accept_dad", "addr_gen_mode"];
    const told = () => socket.links({ ipv6: true }).find(({ name }) => name === "port0")!.ipv6;
    const shown = (all: readonly string[]) =>
      Object.fromEntries(all.map((name) => [name, Number(readFileSync(file(name), "utf8"))]));
    for (const changed of [...names, "disable_ipv6"]) {
      writeFileSync(file(changed), shown([changed])[changed] === 0 ? "1" : "0");
      t.deepEqual(told(), shown([...names, "disable_ipv6"]), changed);
    }
    t.is(socket.links().find(({ name }) => name === "port0")?.ipv6, undefined, "not asked for");
    socket.execute(nb.setLink({ name: "port0" }, { mtu: 1200 }));
    t.is(told(), undefined, "too small for IPv6");
  });
});

test("addresses: added, told, replaced, removed, and refused in the kernel's words", (t) => {
  inScratch((socket) => {
    const address = { linkIndex: 1, address: "10.0.1.4", prefixLength: 24, broadcast: "10.0.1.255" };
    socket.execute(nb.addAddress(address));
    socket.execute(nb.addAddress({ linkIndex: 1, address: "fd00::4", prefixLength: 64, flags: rt.IFA_F_NODAD }));
    t.like(
      socket.addresses({ linkIndex: 1 }).find((one) => one.address === "10.0.1.4"),
      { ...address, scope: 0, label: "lo" },
    );
    t.true(socket.addresses({ family: AF_INET6 }).some((one) => one.address === "fd00::4" && one.prefixLength === 64));
    t.deepEqual(
      socket
        .addresses({ linkIndex: 1, family: AF_INET6 })
        .map((one) => one.linkIndex)
        .filter((index) => index !== 1),
      [],
    );
    const error = t.throws(() => socket.execute(nb.addAddress(address)), { instanceOf: NetlinkError });
    t.is(error.code, "EEXIST");
    t.regex(error.message, /^add address 10\.0\.1\.4\/24 of link 1: /);
    socket.execute(nb.replaceAddress(address));
    socket.execute(nb.deleteAddress(address));
    t.is(t.throws(() => socket.execute(nb.deleteAddress(address)), { instanceOf: NetlinkError }).code, "EADDRNOTAVAIL");
    t.deepEqual(
      socket.addresses().map((one) => one.address),
      ["127.0.0.1"],
    );
  });
});

test("routes: local, unicast in a high table, blackhole, several next hops; and how a packet goes", (t) => {
  inScratch((socket) => {
    socket.execute(nb.addAddress({ linkIndex: 1, address: "10.0.1.4", prefixLength: 24 }));
    const local: nb.Route = {
      destination: "10.9.9.9/32",
      type: "local",
      table: rt.RT_TABLE_LOCAL,
      linkIndex: 1,
      preferredSource: "10.0.1.4",
    };
    socket.execute(nb.replaceRoute(local));
    socket.execute(nb.replaceRoute(local));
    t.deepEqual(
      socket.routes({ table: rt.RT_TABLE_LOCAL, type: "local" }).filter((route) => route.destination === "10.9.9.9/32")
        .length,
      1,
    );
    t.like(socket.routeTo({ destination: "10.9.9.9" }), {
      type: "local",
      preferredSource: "10.0.1.4",
    });

    socket.execute(
      nb.addRoute({ destination: "0.0.0.0/0", table: 1000, gateway: "10.0.1.1", linkIndex: 1, mtu: 1400 }),
    );
    t.like(socket.routes({ table: 1000 })[0], {
      destination: "0.0.0.0/0",
      table: 1000,
      gateway: "10.0.1.1",
      mtu: 1400,
    });
    t.deepEqual(socket.routes({ table: 4242 }), []);
    t.is(socket.routes({ table: 1000, linkIndex: 1 }).length, 1);

    socket.execute(nb.addRoute({ destination: "10.66.0.0/16", type: "blackhole" }));
    t.is(t.throws(() => socket.routeTo({ destination: "10.66.1.1" }), { instanceOf: NetlinkError }).code, "EINVAL");
    socket.execute(nb.deleteRoute({ destination: "10.66.0.0/16", type: "blackhole" }));
    t.is(
      t.throws(() => socket.routeTo({ destination: "10.66.1.1" }), { instanceOf: NetlinkError }).code,
      "ENETUNREACH",
    );

    const nextHops = [
      { linkIndex: 1, gateway: "10.0.1.1", weight: 1 },
      { linkIndex: 1, gateway: "10.0.1.2", weight: 3 },
    ];
    socket.execute(nb.addRoute({ destination: "10.77.0.0/16", nextHops }));
    const found = socket.routes({ table: rt.RT_TABLE_MAIN }).find((route) => route.destination === "10.77.0.0/16");
    t.deepEqual(
      found?.nextHops?.map(({ gateway, weight }) => [gateway, weight]),
      [
        ["10.0.1.1", 1],
        ["10.0.1.2", 3],
      ],
    );
    t.is(
      t.throws(() => socket.execute(nb.deleteRoute({ destination: "10.88.0.0/16" })), { instanceOf: NetlinkError })
        .code,
      "ESRCH",
    );
  });
});

test("rules by mark lead to a table", (t) => {
  inScratch((socket) => {
    const rule: nb.Rule = { mark: 0x100, mask: 0xff00, table: 1000, priority: 100, protocol: rt.RTPROT_STATIC };
    socket.execute(nb.addRule(rule));
    t.like(
      socket.rules().find((one) => one.priority === 100),
      { ...rule, action: "lookup", invert: false },
    );
    t.is(t.throws(() => socket.execute(nb.addRule(rule)), { instanceOf: NetlinkError }).code, "EEXIST");
    socket.execute(nb.addRoute({ destination: "0.0.0.0/0", type: "local", table: 1000, linkIndex: 1 }));
    t.is(socket.routeTo({ destination: "192.0.2.1", mark: 0x123 }).table, 1000);
    t.throws(() => socket.routeTo({ destination: "192.0.2.1", mark: 0x223 }), { instanceOf: NetlinkError });
    socket.execute(nb.deleteRule(rule));
    t.is(t.throws(() => socket.execute(nb.deleteRule(rule)), { instanceOf: NetlinkError }).code, "ENOENT");
  });
});

kernelTest(
  "neighbours and FDB entries of a VXLAN device: replaced, not added beside",
  { needs: ["vxlan", "bridge"] },
  (t) => {
    inScratch((socket) => {
      socket.execute(nb.addLink({ kind: "bridge", name: "br0", up: true }));
      const master = socket.linkIndex("br0");
      socket.execute(nb.addLink({ kind: "vxlan", name: "vxlan0", up: true, master, vxlan: VXLAN }));
      const linkIndex = socket.linkIndex("vxlan0");
      const mac = "02:42:0a:00:01:05";
      for (const tunnelAddress of ["192.168.56.12", "192.168.56.13"])
        socket.execute(nb.replaceFdbEntry({ linkIndex, mac, tunnelAddress }));
      const own = () => socket.fdb({ linkIndex }).filter((entry) => entry.mac === mac);
      t.deepEqual(own(), [
        { linkIndex, mac, state: rt.NUD_PERMANENT | rt.NUD_NOARP, flags: rt.NTF_SELF, tunnelAddress: "192.168.56.13" },
      ]);
      t.true(socket.fdb({ master }).some((entry) => entry.mac === mac));

      socket.execute(
        nb.replaceFdbEntry({ linkIndex, mac, tunnelAddress: "192.168.56.13", tunnelPort: 4790, vni: 5000 }),
      );
      t.like(own()[0], { tunnelPort: 4790, vni: 5000 });
      socket.execute(nb.deleteFdbEntry({ linkIndex, mac }));
      t.deepEqual(own(), []);
      t.is(
        t.throws(() => socket.execute(nb.deleteFdbEntry({ linkIndex, mac })), { instanceOf: NetlinkError }).code,
        "ENOENT",
      );

      const everyone = "00:00:00:00:00:00";
      for (const tunnelAddress of ["192.168.56.12", "192.168.56.13"]) {
        socket.execute(nb.addFdbEntry({ linkIndex, mac: everyone, tunnelAddress }, "append"));
      }
      t.deepEqual(
        socket
          .fdb({ linkIndex })
          .filter((entry) => entry.mac === everyone)
          .map((entry) => entry.tunnelAddress)
          .sort(),
        ["192.168.56.12", "192.168.56.13"],
      );

      socket.execute(
        nb.addFdbEntry({ linkIndex, mac: "02:42:0a:00:01:06", flags: rt.NTF_MASTER, state: rt.NUD_NOARP }),
      );
      t.true(socket.fdb({ linkIndex }).some((entry) => entry.mac === "02:42:0a:00:01:06" && entry.master === master));

      for (const value of ["02:42:0a:00:01:05", "02:42:0a:00:01:07"])
        socket.execute(nb.replaceNeighbour({ linkIndex, address: "10.0.1.5", mac: value }));
      // The kernel adds multicast ones of its own when it speaks IGMP.
      const unicast = (index: number) =>
        socket.neighbours({ linkIndex: index }).filter(({ state }) => ((state ?? 0) & rt.NUD_NOARP) === 0);
      t.deepEqual(unicast(linkIndex), [
        { linkIndex, address: "10.0.1.5", mac: "02:42:0a:00:01:07", state: rt.NUD_PERMANENT, flags: 0 },
      ]);
      t.deepEqual(unicast(master), []);
      socket.execute(nb.replaceNeighbour({ linkIndex, address: "fd00::5", mac }));
      t.is(socket.neighbours({ linkIndex, family: AF_INET6 }).filter((one) => one.address === "fd00::5").length, 1);
      socket.execute(nb.deleteNeighbour({ linkIndex, address: "10.0.1.5" }));
      t.deepEqual(unicast(linkIndex), []);
    });
  },
);

kernelTest("1,000 operations with one refused in the middle: 999 are done", { needs: ["vxlan"] }, (t) => {
  inScratch((socket) => {
    socket.execute(nb.addLink({ kind: "vxlan", name: "vxlan0", up: true, vxlan: VXLAN }));
    const linkIndex = socket.linkIndex("vxlan0");
    const operations = Array.from({ length: 1000 }, (_, count) =>
      nb.replaceNeighbour({
        linkIndex: count === 500 ? 999 : linkIndex,
        address: `10.0.${count >> 8}.${count & 255}`,
        mac: "02:42:0a:00:00:01",
      }),
    );
    const failures = socket.executeAll(operations);
    t.deepEqual([...failures.keys()], [500]);
    t.regex(
      failures.get(500)?.message ?? "",
      /^replace neighbour 10\.0\.1\.244 at 02:42:0a:00:00:01 on link 999: .*ENODEV/,
    );
    t.is(socket.neighbours({ linkIndex }).filter(({ address }) => address.startsWith("10.0.")).length, 999);

    const gone = socket.executeAll(
      operations.map((_, count) => nb.deleteNeighbour({ linkIndex, address: `10.1.${count >> 8}.${count & 255}` })),
    );
    t.is(gone.size, 1000);
    t.is(socket.executeAll([]).size, 0);
  });
});

kernelTest("a dump larger than any buffer is whole", { needs: ["vxlan"] }, (t) => {
  inScratch((socket) => {
    socket.execute(nb.addLink({ kind: "vxlan", name: "vxlan0", up: true, vxlan: VXLAN }));
    const linkIndex = socket.linkIndex("vxlan0");
    const addresses = Array.from({ length: 8000 }, (_, count) => `10.0.${count >> 8}.${count & 255}`);
    socket.executeAll(
      addresses.map((address) => nb.replaceNeighbour({ linkIndex, address, mac: "02:42:0a:00:00:01" })),
    );
    t.deepEqual(
      socket
        .neighbours({ linkIndex })
        .map((one) => one.address)
        .sort(),
      addresses.sort(),
    );
  });
});
