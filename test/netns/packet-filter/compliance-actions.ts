import type { Declare } from "./bed.js";
import { ADDRESS, HAS_IPV6, ROUTER, SERVER } from "./network.js";
import { askTcp, askUdp, openTcp, sendInOrder, serve } from "./traffic.js";

export function declareActionTests(declare: Declare): void {
  declare("without rules every question is answered", async (t, { network: { client } }) => {
    t.is(await askTcp(client, SERVER), `server ${ADDRESS.client}`);
    t.is(await askUdp(client, SERVER), `server ${ADDRESS.client}`);
    t.is(await askTcp(client, ROUTER), `router ${ADDRESS.client}`);
  });

  declare("dnat in prerouting leads to another address and port, TCP and UDP", async (t, { network, apply }) => {
    for (const protocol of ["tcp", "udp"] as const) {
      apply(network.router, [
        {
          key: `publish/${protocol}`,
          hook: "prerouting",
          match: { protocol, destination: ADDRESS.router, destinationPorts: [8080] },
          action: { kind: "dnat", address: ADDRESS.server, port: 80 },
        },
      ]);
      const ask = protocol === "tcp" ? askTcp : askUdp;
      t.is(await ask(network.client, { address: ADDRESS.router, port: 8080 }), `server ${ADDRESS.client}`);
    }
  });

  declare("dnat without a port keeps the port", async (t, { network, apply }) => {
    apply(network.router, [
      {
        key: "host",
        hook: "prerouting",
        match: { destination: ADDRESS.routerSecond },
        action: { kind: "dnat", address: ADDRESS.server },
      },
    ]);
    t.is(await askTcp(network.client, { address: ADDRESS.routerSecond, port: 80 }), `server ${ADDRESS.client}`);
  });

  declare("dnat in output leads the namespace's own packets", async (t, { network, apply }) => {
    apply(network.client, [
      {
        key: "own",
        hook: "output",
        match: { protocol: "tcp", destination: "192.0.2.1", destinationPorts: [81] },
        action: { kind: "dnat", address: ADDRESS.server, port: 80 },
      },
    ]);
    t.is(await askTcp(network.client, { address: "192.0.2.1", port: 81 }), `server ${ADDRESS.client}`);
  });

  declare("redirect leads to a port of the namespace, in prerouting and output", async (t, { network, apply }) => {
    const rule = (hook: "prerouting" | "output", protocol: "tcp" | "udp") => ({
      key: "here",
      hook,
      match: { protocol, destination: "192.0.2.1", destinationPorts: [53] } as const,
      action: { kind: "redirect", port: 80 } as const,
    });
    apply(network.router, [rule("prerouting", "udp")]);
    t.is(await askUdp(network.client, { address: "192.0.2.1", port: 53 }), `router ${ADDRESS.client}`);
    apply(network.client, [rule("output", "tcp")]);
    t.is(await askTcp(network.client, { address: "192.0.2.1", port: 53 }), `client ${ADDRESS.client}`);
  });

  declare("masquerade shows the address of the leaving interface", async (t, { network, apply }) => {
    apply(network.router, [
      { key: "masquerade", hook: "postrouting", match: { outInterface: "s0" }, action: { kind: "masquerade" } },
    ]);
    t.is(await askTcp(network.client, SERVER), `server ${ADDRESS.routerServerSide}`);
    t.is(await askUdp(network.client, SERVER), `server ${ADDRESS.routerServerSide}`);
  });

  declare("snat shows the address given", async (t, { network, apply }) => {
    apply(network.router, [
      {
        key: "snat",
        hook: "postrouting",
        match: { source: "10.77.1.0/24" },
        action: { kind: "snat", address: ADDRESS.routerSecond },
      },
    ]);
    t.is(await askTcp(network.client, SERVER), `server ${ADDRESS.routerSecond}`);
  });

  declare("mark in prerouting chooses the route", async (t, { network, apply }) => {
    apply(network.router, [
      {
        key: "mark",
        hook: "prerouting",
        match: { destination: ADDRESS.server },
        action: { kind: "mark", value: 0x100 },
      },
    ]);
    t.is(await askTcp(network.client, SERVER), "EHOSTUNREACH");
    t.is(await askTcp(network.client, { address: ADDRESS.serverFar, port: 80 }), `server ${ADDRESS.client}`);
  });

  declare("mark with a mask changes only its bits", async (t, { network, apply }) => {
    const first = { key: "low", hook: "prerouting", match: {}, action: { kind: "mark", value: 3 } } as const;
    const second = (mask?: number) =>
      ({ key: "high", hook: "prerouting", match: {}, action: { kind: "mark", value: 0x100, mask } }) as const;
    apply(network.router, [first, second(0xff02)]);
    // 3 with bits 0xff02 set to 0x100 is 0x101, which no rule routes.
    t.is(await askTcp(network.client, SERVER), `server ${ADDRESS.client}`);
    apply(network.router, [first, second(0xff00)]);
    t.is(await askTcp(network.client, SERVER), "EHOSTUNREACH");
  });

  declare("mark in output routes the packet anew", async (t, { network, apply }) => {
    const far = { address: ADDRESS.serverFar, port: 80 };
    t.is(await askTcp(network.client, far), `server ${ADDRESS.client}`);
    apply(network.client, [
      {
        key: "mark",
        hook: "output",
        match: {
          protocol: "tcp",
          destination: `${ADDRESS.serverFar}/32`,
          source: ADDRESS.client,
          destinationPorts: [80],
        },
        action: { kind: "mark", value: 0x100 },
      },
    ]);
    t.is(await askTcp(network.client, far), `aside ${ADDRESS.client}`);
    t.regex(await askTcp(network.client, far, { address: ADDRESS.clientSecond, port: 0 }), /^server /);
  });

  declare("connection-mark stays with the connection and restore-mark brings it to the packet", async (t, bed) => {
    const { network, apply } = bed;
    const save = {
      key: "save",
      hook: "prerouting",
      match: { connectionState: ["new"] },
      action: { kind: "connection-mark", value: 0x1ff },
    } as const;
    const restore = (mask?: number) =>
      ({
        key: "restore",
        hook: "prerouting",
        match: { inInterface: "c0" },
        action: { kind: "restore-mark", mask },
      }) as const;
    apply(network.router, [save, restore()]);
    t.is(await askTcp(network.client, SERVER), `server ${ADDRESS.client}`, "0x1ff is not routed");
    apply(network.router, [save, restore(0x100)]);
    t.is(await askTcp(network.client, SERVER), "EHOSTUNREACH", "0x100 is");
    apply(network.router, [
      { ...save, action: { kind: "connection-mark", value: 0x100, mask: 0xff00 } },
      { key: "low", hook: "prerouting", match: {}, action: { kind: "mark", value: 3 } },
      restore(0xff00),
    ]);
    t.is(await askTcp(network.client, SERVER), "EHOSTUNREACH", "0x103 too");
  });

  declare("restore-mark in output routes the packet anew", async (t, { network, apply }) => {
    const far = { address: ADDRESS.serverFar, port: 80 };
    apply(network.client, [
      {
        key: "save",
        hook: "output",
        match: { destination: ADDRESS.serverFar, source: ADDRESS.client },
        action: { kind: "connection-mark", value: 0x100 },
      },
      { key: "restore", hook: "output", match: {}, action: { kind: "restore-mark" } },
    ]);
    t.is(await askTcp(network.client, far), `aside ${ADDRESS.client}`);
    t.regex(await askTcp(network.client, far, { address: ADDRESS.clientSecond, port: 0 }), /^server /);
  });

  declare("connection-mark in input meets the connection's later packets", async (t, { network, apply }) => {
    apply(network.router, [
      {
        key: "save",
        hook: "input",
        match: { protocol: "tcp", connectionState: ["established"] },
        action: { kind: "connection-mark", value: 7 },
      },
    ]);
    const conversation = openTcp(network.client, ROUTER);
    try {
      t.is(await conversation.ask(), `router ${ADDRESS.client}`);
      apply(network.router, [
        { key: "refuse", hook: "input", match: { connectionMark: { value: 7 } }, action: { kind: "reject" } },
      ]);
      t.is(await conversation.ask(), "ECONNRESET");
      t.is(await askTcp(network.client, ROUTER), `router ${ADDRESS.client}`, "a new connection has no mark");
    } finally {
      conversation.close();
    }
  });

  declare("reject refuses at once, in input, forward and output, TCP and UDP", async (t, { network, apply }) => {
    const { client, router } = network;
    const cases = [
      { at: router, hook: "input", to: ROUTER },
      { at: router, hook: "forward", to: SERVER },
      { at: client, hook: "output", to: SERVER },
    ] as const;
    for (const { at, hook, to } of cases) {
      apply(at, [{ key: "refuse", hook, match: { destination: to.address }, action: { kind: "reject" } }]);
      t.is(await askTcp(client, to), "ECONNREFUSED", `TCP in ${hook}`);
      t.is(await askUdp(client, to), "ECONNREFUSED", `UDP in ${hook}`);
      apply(at, []);
      t.regex(await askTcp(client, to), /^(server|router) /);
    }
  });

  declare("reject with a protocol leaves the other alone", async (t, { network, apply }) => {
    const rule = (protocol: "tcp" | "udp") =>
      ({ key: "refuse", hook: "forward", match: { protocol }, action: { kind: "reject" } }) as const;
    apply(network.router, [rule("tcp")]);
    t.is(await askTcp(network.client, SERVER), "ECONNREFUSED");
    t.is(await askUdp(network.client, SERVER), `server ${ADDRESS.client}`);
    apply(network.router, [rule("udp")]);
    t.is(await askTcp(network.client, SERVER), `server ${ADDRESS.client}`);
    t.is(await askUdp(network.client, SERVER), "ECONNREFUSED");
  });

  declare("reject and accept for ip6", async (t, { network, apply }) => {
    if (!HAS_IPV6) {
      t.log("this kernel has no IPv6");
      t.pass();
      return;
    }
    const server6 = await serve(network.server, "server6", 80, "::");
    const to = { address: ADDRESS.server6, port: 80 };
    try {
      t.is(await askTcp(network.client, to), "server6 fd77:1::2");
      const refuse = { key: "refuse", family: "ip6", hook: "forward", match: {}, action: { kind: "reject" } } as const;
      apply(network.router, [refuse]);
      t.is(await askTcp(network.client, to), "ECONNREFUSED");
      t.is(await askUdp(network.client, to), "ECONNREFUSED");
      t.is(await askTcp(network.client, SERVER), `server ${ADDRESS.client}`, "IPv4 is left alone");
      apply(network.router, [
        {
          key: "pass",
          family: "ip6",
          hook: "forward",
          match: { protocol: "tcp", destinationPorts: [80, 443], inInterface: "c0" },
          action: { kind: "accept" },
        },
        { key: "back", family: "ip6", hook: "forward", match: { inInterface: "s0" }, action: { kind: "accept" } },
        refuse,
      ]);
      t.is(await askTcp(network.client, to), "server6 fd77:1::2");
      t.is(await askUdp(network.client, to), "ECONNREFUSED");
      apply(network.router, []);
      t.is(await askUdp(network.client, to), "server6 fd77:1::2");
    } finally {
      server6.close();
    }
  });

  declare("drop lets nothing through, at every hook", async (t, { network, apply }) => {
    const { client, router, server } = network;
    const dropped = 9001;
    const passed = 9002;
    const cases = [
      { at: router, hook: "prerouting", to: ADDRESS.server, listener: server },
      { at: router, hook: "forward", to: ADDRESS.server, listener: server },
      { at: router, hook: "postrouting", to: ADDRESS.server, listener: server },
      { at: router, hook: "input", to: ADDRESS.router, listener: router },
      { at: client, hook: "output", to: ADDRESS.server, listener: server },
    ] as const;
    for (const { at, hook, to, listener } of cases) {
      const quiet = await serve(listener, "quiet", dropped);
      const loud = await serve(listener, "loud", passed);
      try {
        await sendInOrder(client, to, [dropped, passed]);
        t.is(quiet.received.length, 1, "without the rule the first message arrives");
        apply(at, [
          {
            key: "drop",
            hook,
            match: { protocol: "udp", destinationPorts: [dropped] },
            action: { kind: "drop" },
          },
        ]);
        await sendInOrder(client, to, [dropped, passed]);
        t.is(quiet.received.length, 1, `${hook} lets none through`);
        t.is(loud.received.length, 2);
        apply(at, []);
      } finally {
        quiet.close();
        loud.close();
      }
    }
  });

  declare("accept ends the filter rules of its hook, in the order of the list", async (t, { network, apply }) => {
    const accept = {
      key: "accept",
      hook: "forward",
      match: { protocol: "tcp", destinationPorts: [80] },
      action: { kind: "accept" },
    } as const;
    const reject = {
      key: "reject",
      hook: "forward",
      match: { inInterface: "c0" },
      action: { kind: "reject" },
    } as const;
    apply(network.router, [accept, reject]);
    t.is(await askTcp(network.client, SERVER), `server ${ADDRESS.client}`);
    t.is(await askUdp(network.client, SERVER), "ECONNREFUSED");
    t.true(apply(network.router, [reject, accept]) > 0, "another order is another set of rules");
    t.is(await askTcp(network.client, SERVER), "ECONNREFUSED");
  });

  declare("accept in prerouting does not end the marks of the same hook", async (t, { network, apply }) => {
    apply(network.router, [
      { key: "accept", hook: "prerouting", match: {}, action: { kind: "accept" } },
      { key: "drop", hook: "prerouting", match: {}, action: { kind: "drop" } },
      {
        key: "mark",
        hook: "prerouting",
        match: { destination: ADDRESS.server },
        action: { kind: "mark", value: 0x100 },
      },
    ]);
    t.is(await askTcp(network.client, SERVER), "EHOSTUNREACH");
    t.is(await askTcp(network.client, ROUTER), `router ${ADDRESS.client}`);
  });
}
