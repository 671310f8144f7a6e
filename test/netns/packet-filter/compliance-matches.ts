import type { Namespace } from "../../../netns/namespace.js";
import type { PacketHook, PacketMatch } from "../../../netns/packet-filter/rules.js";
import type { Bed, Declare } from "./bed.js";
import { ADDRESS, ROUTER, SERVER } from "./network.js";
import { askTcp, askUdp, openTcp, serve, type Target } from "./traffic.js";

interface MatchCase {
  readonly title: string;
  readonly match: PacketMatch;
  readonly hook?: PacketHook;
  /** From the client; refused when the rule matches. */
  readonly refused: readonly Question[];
  readonly answered: readonly Question[];
}

interface Question {
  readonly over: "tcp" | "udp";
  readonly to: Target;
  readonly from?: { readonly address: string; readonly port: number };
}

const tcp = (to: Target, address?: string, port = 0): Question => ({
  over: "tcp",
  to,
  ...(address === undefined ? {} : { from: { address, port } }),
});
const udp = (to: Target, address?: string, port = 0): Question => ({ ...tcp(to, address, port), over: "udp" });
const FIRST = ADDRESS.client;
const SECOND = ADDRESS.clientSecond;
const FAR = { address: ADDRESS.serverFar, port: 80 };

/** Each as a rejecting rule in the router, where the client's packets are forwarded or arrive. */
const CASES: readonly MatchCase[] = [
  { title: "protocol", match: { protocol: "udp" }, refused: [udp(SERVER)], answered: [tcp(SERVER)] },
  { title: "source", match: { source: SECOND }, refused: [tcp(SERVER, SECOND)], answered: [tcp(SERVER, FIRST)] },
  {
    title: "source with an odd prefix length",
    match: { source: "10.77.1.2/31" },
    refused: [tcp(SERVER, FIRST), tcp(SERVER, SECOND)],
    answered: [],
  },
  {
    title: "source prefix without the address",
    match: { source: "10.77.1.0/31" },
    refused: [],
    answered: [tcp(SERVER, FIRST)],
  },
  {
    title: "destination",
    match: { destination: "10.99.0.0/16" },
    refused: [tcp(FAR)],
    answered: [tcp(SERVER)],
  },
  {
    title: "notSource",
    match: { notSource: SECOND, inInterface: "c0" },
    refused: [tcp(SERVER, FIRST)],
    answered: [tcp(SERVER, SECOND)],
  },
  {
    title: "notDestination",
    match: { notDestination: "10.99.0.0/16", inInterface: "c0" },
    refused: [tcp(SERVER)],
    answered: [tcp(FAR)],
  },
  {
    title: "source and notSource together",
    match: { source: "10.77.0.0/16", notSource: SECOND, inInterface: "c0" },
    refused: [tcp(SERVER, FIRST)],
    answered: [tcp(SERVER, SECOND)],
  },
  {
    title: "one destination port",
    match: { protocol: "tcp", destination: ADDRESS.server, destinationPorts: [80] },
    refused: [tcp(SERVER)],
    answered: [tcp({ ...SERVER, port: 8081 }), udp(SERVER)],
  },
  {
    title: "many destination ports",
    match: { protocol: "udp", destinationPorts: [...Array.from({ length: 40 }, (_, index) => 1000 + index * 2), 80] },
    refused: [udp(SERVER)],
    answered: [udp({ ...SERVER, port: 8081 }), tcp(SERVER)],
  },
  {
    title: "sourcePort",
    match: { protocol: "udp", sourcePort: 3333 },
    refused: [udp(SERVER, FIRST, 3333)],
    answered: [udp(SERVER, FIRST, 3334)],
  },
  {
    title: "sourcePort with destination ports",
    match: { protocol: "udp", sourcePort: 3335, destinationPorts: [80, 9998, 9999] },
    refused: [udp(SERVER, FIRST, 3335)],
    answered: [udp(SERVER, FIRST, 3336), udp({ ...SERVER, port: 8081 }, FIRST, 3335)],
  },
  {
    title: "inInterface",
    match: { inInterface: "s0" },
    hook: "input",
    refused: [],
    answered: [tcp(ROUTER)],
  },
  { title: "inInterface in input", match: { inInterface: "c0" }, hook: "input", refused: [tcp(ROUTER)], answered: [] },
  { title: "notInInterface", match: { notInInterface: "s0" }, hook: "input", refused: [tcp(ROUTER)], answered: [] },
  { title: "outInterface", match: { outInterface: "s0" }, refused: [tcp(SERVER)], answered: [tcp(ROUTER)] },
  {
    title: "notOutInterface",
    match: { notOutInterface: "s0", source: ADDRESS.server },
    refused: [],
    answered: [tcp(ROUTER)],
  },
  {
    title: "sourceMac",
    match: { sourceMac: ADDRESS.clientMac.toUpperCase() },
    refused: [tcp(SERVER)],
    answered: [tcp(ROUTER)],
  },
  {
    title: "another sourceMac",
    match: { sourceMac: "02:42:0a:4d:01:03" },
    refused: [],
    answered: [tcp(SERVER)],
  },
  {
    title: "destinationLocal",
    match: { destinationLocal: true },
    hook: "input",
    refused: [tcp(ROUTER), tcp({ ...ROUTER, address: ADDRESS.routerSecond })],
    answered: [tcp(SERVER)],
  },
  {
    title: "destination not local",
    match: { destinationLocal: false },
    refused: [tcp(SERVER)],
    answered: [tcp(ROUTER)],
  },
  { title: "source not local", match: { sourceLocal: false }, refused: [tcp(SERVER)], answered: [tcp(ROUTER)] },
];

export function declareMatchTests(declare: Declare): void {
  for (const { title, match, hook = "forward", refused, answered } of CASES) {
    declare(`match: ${title}`, async (t, bed) => {
      const second = await serve(bed.network.server, "server", 8081);
      try {
        const { client, router } = bed.network;
        for (const question of [...refused, ...answered]) t.regex(await ask(client, question), /^(server|router) /);
        bed.apply(router, [{ key: "refuse", hook, match, action: { kind: "reject" } }]);
        for (const question of refused) t.is(await ask(client, question), "ECONNREFUSED", JSON.stringify(question));
        for (const question of answered)
          t.regex(await ask(client, question), /^(server|router) /, JSON.stringify(question));
      } finally {
        second.close();
      }
    });
  }

  declare("match: destinationLocal in prerouting is every address of the namespace", async (t, { network, apply }) => {
    apply(network.router, [
      {
        key: "published",
        hook: "prerouting",
        match: { protocol: "tcp", destinationPorts: [8080], destinationLocal: true },
        action: { kind: "dnat", address: ADDRESS.server, port: 80 },
      },
    ]);
    for (const address of [ADDRESS.router, ADDRESS.routerServerSide, ADDRESS.routerSecond]) {
      t.is(await askTcp(network.client, { address, port: 8080 }), `server ${ADDRESS.client}`);
    }
    t.is(
      await askTcp(network.client, { address: ADDRESS.serverFar, port: 8080 }),
      "ECONNREFUSED",
      "not the server's own",
    );
  });

  declare("match: sourceLocal tells the namespace's own packets from forwarded ones", async (t, { network, apply }) => {
    apply(network.router, [
      {
        key: "own",
        hook: "postrouting",
        match: { sourceLocal: true, outInterface: "s0" },
        action: { kind: "snat", address: ADDRESS.routerSecond },
      },
    ]);
    t.is(await askTcp(network.client, SERVER), `server ${ADDRESS.client}`);
    t.is(await askTcp(network.router, SERVER), `server ${ADDRESS.routerSecond}`);
  });

  declare("match: mark, with and without a mask", async (t, bed) => {
    const refuse = (mark: { value: number; mask?: number }) => markedAndRefused(bed, { mark });
    t.is(await refuse({ value: 0x42 }), "ECONNREFUSED");
    t.is(await refuse({ value: 0x43 }), `server ${FIRST}`);
    t.is(await refuse({ value: 0x40, mask: 0xf0 }), "ECONNREFUSED");
    t.is(await refuse({ value: 0x50, mask: 0xf0 }), `server ${FIRST}`);
  });

  declare("match: connectionMark, with and without a mask", async (t, bed) => {
    const refuse = (connectionMark: { value: number; mask?: number }) => markedAndRefused(bed, { connectionMark });
    t.is(await refuse({ value: 0x42 }), "ECONNREFUSED");
    t.is(await refuse({ value: 0x43 }), `server ${FIRST}`);
    t.is(await refuse({ value: 0x02, mask: 0x0f }), "ECONNREFUSED");
    t.is(await refuse({ value: 0x03, mask: 0x0f }), `server ${FIRST}`);
  });

  declare("match: connectionState tells a connection's first packets from the rest", async (t, { network, apply }) => {
    // The kernel follows connections only while a rule asks for their state.
    apply(network.router, [
      { key: "follow", hook: "forward", match: { connectionState: ["new"] }, action: { kind: "accept" } },
    ]);
    const conversation = openTcp(network.client, SERVER);
    const refuse = (connectionState: PacketMatch["connectionState"]) =>
      apply(network.router, [
        { key: "refuse", hook: "forward", match: { connectionState, inInterface: "c0" }, action: { kind: "reject" } },
      ]);
    try {
      t.is(await conversation.ask(), `server ${FIRST}`);
      refuse(["new", "invalid"]);
      t.is(await askTcp(network.client, SERVER), "ECONNREFUSED", "a new connection");
      t.is(await conversation.ask(), `server ${FIRST}`, "an old one");
      refuse(["established", "related"]);
      t.is(await conversation.ask(), "ECONNRESET");
      t.is(await askUdp(network.client, SERVER), `server ${FIRST}`, "the first packet of a new one");
    } finally {
      conversation.close();
    }
  });
}

async function markedAndRefused(bed: Bed, match: PacketMatch): Promise<string> {
  const { client, router } = bed.network;
  bed.apply(router, [
    { key: "mark", hook: "prerouting", match: {}, action: { kind: "mark", value: 0x42 } },
    { key: "connection", hook: "prerouting", match: {}, action: { kind: "connection-mark", value: 0x42 } },
    { key: "refuse", hook: "forward", match: { inInterface: "c0", ...match }, action: { kind: "reject" } },
  ]);
  return askTcp(client, SERVER);
}

function ask(from: Namespace, { over, to, from: local }: Question): Promise<string> {
  return over === "tcp" ? askTcp(from, to, local) : askUdp(from, to, local);
}
