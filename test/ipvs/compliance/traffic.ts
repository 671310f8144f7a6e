/** Where packets go. */
import type { ExecutionContext } from "ava";
import { execa } from "execa";
import type { LoadBalancer, VirtualService } from "../../../ipvs/load-balancer.js";
import { namespaceArguments } from "../../../netns/index.js";
import type { Cast } from "./cast.js";
import { ask, Conversation, codeOf, outcome, spread, UdpCaller, until } from "./clients.js";
import { type Declare, type DriverUnderTest, drifted } from "./driver.js";
import { type TestHost, TestNetwork } from "./test-network.js";

export interface Shop extends AsyncDisposable {
  readonly network: TestNetwork;
  readonly client: TestHost;
  readonly webs: readonly TestHost[];
  readonly balancer: LoadBalancer;
  /** Applies in the client's namespace. @returns objects written */
  apply(...wanted: readonly VirtualService[]): number;
}

/** A client with a driver, and three web servers on TCP and UDP port 80. */
export async function openShop(driver: DriverUnderTest, { CLIENT, WEB, prefixLength }: Cast): Promise<Shop> {
  const network = new TestNetwork();
  const client = network.host("client", `${CLIENT}/${prefixLength}`);
  const webs = await Promise.all(
    WEB.map(async (address, index) => {
      const web = await network.host(`web-${index + 1}`, `${address}/${prefixLength}`).serveTcp(80);
      return web.serveUdp(80);
    }),
  );
  const balancer = driver.create();
  return {
    network,
    client,
    webs,
    balancer,
    apply: (...wanted) => client.inside(() => balancer.apply(wanted).changed),
    [Symbol.asyncDispose]: () => network[Symbol.asyncDispose](),
  };
}

/** More than one frame holds. */
const LONG = "x".repeat(5000);

export function trafficTests(declare: Declare, driver: DriverUnderTest, cast: Cast): void {
  const { service, WEB, VIP, CLIENT, NOBODY, STRANGER, NEAR_VIPS } = cast;
  const check = (title: string, run: (t: ExecutionContext, shop: Shop) => Promise<void>) =>
    declare(title, async (t) => {
      await using shop = await openShop(driver, cast);
      await run(t, shop);
    });

  check(
    "thirty connections are ten for each of three backends, which see the client's own address",
    async (t, shop) => {
      shop.apply(service(WEB));
      t.deepEqual(await spread(shop.client, VIP, 80, 30), { "web-1": 10, "web-2": 10, "web-3": 10 });
      t.is((await ask(shop.client, VIP, 80)).saw, CLIENT);
    },
  );

  check("weights share out connections", async (t, shop) => {
    shop.apply(service({ [WEB[0]]: 1, [WEB[1]]: 2, [WEB[2]]: 3 }));
    t.deepEqual(await spread(shop.client, VIP, 80, 30), { "web-1": 5, "web-2": 10, "web-3": 15 });
  });

  check("a client that is itself a backend reaches itself too, from its own address", async (t, shop) => {
    await shop.client.serveTcp(80);
    shop.apply(service([CLIENT, WEB[0], WEB[1]]));
    t.deepEqual(await spread(shop.client, VIP, 80, 30), { client: 10, "web-1": 10, "web-2": 10 });
    shop.apply(service([CLIENT]));
    t.deepEqual(await ask(shop.client, VIP, 80), { by: "client", saw: CLIENT });
  });

  check("a virtual address within the client's own subnet", async (t, shop) => {
    const [address] = NEAR_VIPS;
    shop.apply(service(WEB, { virtual: { address, sourceAddress: CLIENT } }));
    t.deepEqual(await spread(shop.client, address, 80, 9), { "web-1": 3, "web-2": 3, "web-3": 3 });
  });

  check(
    "ping of the virtual address is answered by the namespace itself, whatever its backends do",
    async (t, shop) => {
      const ping = () => execa("nsenter", pingArguments(shop.client, VIP), { reject: false });
      for (const backends of [WEB, [NOBODY], []]) {
        shop.apply(service(backends));
        t.is((await ping()).exitCode, 0);
      }
    },
  );

  check(
    "without a backend TCP and UDP are refused at once, and the client's own listener hears nothing",
    async (t, shop) => {
      await (await shop.client.serveTcp(80)).serveUdp(80);
      for (const wanted of [service([]), service({ [WEB[0]]: 0 })]) {
        shop.apply(wanted);
        t.is(await outcome(shop.client, VIP, 80), "ECONNREFUSED");
        const udp = await UdpCaller.open(shop.client, VIP, 80);
        t.is(await udp.outcome(), "ECONNREFUSED");
        udp.close();
      }
    },
  );

  check("a UDP socket that was refused is answered as soon as there is a backend", async (t, shop) => {
    shop.apply(service([]));
    const udp = await UdpCaller.open(shop.client, VIP, 80);
    t.is(await udp.outcome(), "ECONNREFUSED");
    shop.apply(service([WEB[1]]));
    t.is(await udp.outcome(), "web-2");
    udp.close();
  });

  check("a UDP socket moves on with its next packet when its backend is removed", async (t, shop) => {
    shop.apply(service([WEB[0], WEB[1]]));
    const udp = await UdpCaller.open(shop.client, VIP, 80);
    const first = await udp.ask();
    t.is((await udp.ask()).by, first.by);
    const other = first.by === "web-1" ? WEB[1] : WEB[0];
    shop.apply(service([other, WEB[2]]));
    t.not(await udp.outcome(), first.by);
    t.true(["web-1", "web-2", "web-3"].includes(await udp.outcome()));
    udp.close();
  });

  check("an established connection to a removed backend ends, also when no backend is left", async (t, shop) => {
    for (const rest of [[WEB[1]], []]) {
      shop.apply(service([WEB[0]]));
      const conversation = await Conversation.open(shop.client, VIP, 80);
      t.is(await conversation.say("one"), "web-1: one");
      shop.apply(service(rest));
      t.true(["ECONNRESET", "EPIPE", "END"].includes(codeOf(await t.throwsAsync(conversation.say("two")))));
    }
  });

  check(
    "a draining backend keeps its connections and gets no new ones; weighted again it gets some",
    async (t, shop) => {
      shop.apply(service([WEB[0]]));
      const conversation = await Conversation.open(shop.client, VIP, 80);
      shop.apply(service({ [WEB[0]]: 0, [WEB[1]]: 1 }));
      t.is(await conversation.say("still"), "web-1: still");
      t.deepEqual(await spread(shop.client, VIP, 80, 10), { "web-2": 10 });
      shop.apply(service({ [WEB[0]]: 0 }));
      t.is(await outcome(shop.client, VIP, 80), "ECONNREFUSED");
      t.is(await conversation.say("there"), "web-1: there");
      shop.apply(service([WEB[0], WEB[1]]));
      t.deepEqual(await spread(shop.client, VIP, 80, 10), { "web-1": 5, "web-2": 5 });
      t.is(await conversation.say("yet"), "web-1: yet");
      conversation.close();
    },
  );

  check("calls that alternate between services are spread evenly for each of them", async (t, shop) => {
    const wanted = [WEB, [WEB[0], WEB[1]], [WEB[1], WEB[2]], WEB].map((backends, index) =>
      service(backends, {
        id: `s${index}/shop`,
        mark: 300 + index,
        virtual: cast.virtual(index),
      }),
    );
    shop.apply(...wanted);
    const counts = wanted.map(() => new Map<string, number>());
    for (let round = 0; round < 30; round++) {
      for (const [index, { virtual }] of wanted.entries()) {
        const by = await outcome(shop.client, virtual!.address, 80);
        counts[index]!.set(by, (counts[index]!.get(by) ?? 0) + 1);
      }
    }
    t.deepEqual(
      counts.map((count) => [...count.values()].sort((a, b) => a - b)),
      [
        [10, 10, 10],
        [15, 15],
        [15, 15],
        [10, 10, 10],
      ],
    );
    t.deepEqual(drifted(shop.client.inside(() => shop.balancer.observe(wanted))), []);
  });

  check(
    "what comes from outside for a virtual address is refused, and nobody answers for it on the wire",
    async (t, shop) => {
      await shop.client.serveTcp(80);
      const [, inSubnet] = NEAR_VIPS;
      shop.apply(
        service(WEB),
        service(WEB, { id: "b/shop", mark: 301, virtual: { address: inSubnet, sourceAddress: CLIENT } }),
      );
      const stranger = shop.network.host("stranger", `${STRANGER}/${cast.prefixLength}`, {
        [`${VIP}/${hostBits(VIP)}`]: CLIENT,
      });
      t.is(await outcome(stranger, VIP, 80), "ECONNREFUSED");
      t.is(await outcome(stranger, inSubnet, 80), "EHOSTUNREACH");
      t.is(await outcome(stranger, CLIENT, 80), "client");
    },
  );

  check("datagrams longer than a frame pass, as far as the driver can", async (t, shop) => {
    shop.apply(service([WEB[0]]));
    const udp = await UdpCaller.open(shop.client, VIP, 80);
    const outcomes = [await udp.outcome(LONG), await udp.outcome(LONG)];
    udp.close();
    t.deepEqual(outcomes, [...driver.longDatagrams[cast.family]]);
  });

  check("a TCP stream passes both ways in segments of full length", async (t, shop) => {
    shop.apply(service([WEB[0]]));
    const conversation = await Conversation.open(shop.client, VIP, 80);
    const answer = await conversation.say(LONG);
    conversation.close();
    t.regex(answer, /^web-1: x{1000,}$/);
  });

  check("connections are counted by destination", async (t, shop) => {
    const wanted = service([WEB[0]]);
    shop.apply(wanted);
    const conversations = [
      await Conversation.open(shop.client, VIP, 80),
      await Conversation.open(shop.client, VIP, 80),
    ];
    const counted = () =>
      shop.client.inside(() => shop.balancer.observe([wanted])).find(({ part }) => part === WEB[0])?.connections;
    await until("two connections counted", async () => counted() === 2);
    for (const conversation of conversations) conversation.close();
    t.pass();
  });
}

function pingArguments(host: TestHost, address: string): string[] {
  return namespaceArguments(host.namespace.name, "busybox", ["ping", "-c", "1", "-W", "5", address]);
}

function hostBits(address: string): number {
  return address.includes(":") ? 128 : 32;
}
