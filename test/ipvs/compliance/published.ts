/** Published ports: packets that come from outside to a namespace like the ingress sandbox. */
import type { ExecutionContext } from "ava";
import type { LoadBalancer, VirtualService } from "../../../ipvs/load-balancer.js";
import { inNamespace, writeSysctl } from "../../../netns/index.js";
import { CASTS } from "./cast.js";
import { ask, Conversation, codeOf, outcome, spread, UdpCaller } from "./clients.js";
import type { Declare, DriverUnderTest } from "./driver.js";
import { type TestHost, TestNetwork } from "./test-network.js";

const { service } = CASTS.ip;
const INGRESS = "10.77.0.2";
const WEB = ["10.77.0.11", "10.77.0.12"] as const;
const OUTSIDE = "10.88.0.9";

interface Mesh extends AsyncDisposable {
  readonly ingress: TestHost;
  readonly client: TestHost;
  apply(...wanted: readonly VirtualService[]): void;
}

/** A client in another subnet that knows the ingress alone, and backends that answer it by way of the ingress. */
async function openMesh(driver: DriverUnderTest): Promise<Mesh> {
  const network = new TestNetwork();
  const ingress = network.host("ingress", `${INGRESS}/24`);
  writeSysctl(ingress.namespace, "net/ipv4/ip_forward", 1);
  // Client and backends share a wire here: the ingress must not tell them to leave it out.
  writeSysctl(ingress.namespace, "net/ipv4/conf/all/send_redirects", 0);
  writeSysctl(ingress.namespace, "net/ipv4/conf/eth0/send_redirects", 0);
  ingress.route(`${OUTSIDE}/32`);
  const client = network.host("client", `${OUTSIDE}/32`);
  client.route(`${INGRESS}/32`);
  for (const [index, address] of WEB.entries()) {
    const web = network.host(`web-${index + 1}`, `${address}/24`, { [`${OUTSIDE}/32`]: INGRESS });
    await (await web.serveTcp(8080)).serveUdp(5353);
  }
  const balancer: LoadBalancer = driver.create();
  return {
    ingress,
    client,
    apply: (...wanted) => {
      inNamespace(ingress.namespace, () => balancer.apply(wanted));
    },
    [Symbol.asyncDispose]: () => network[Symbol.asyncDispose](),
  };
}

function published(destinations: Parameters<typeof service>[0], over: Partial<VirtualService> = {}): VirtualService {
  return service(destinations, {
    virtual: undefined,
    published: [
      { protocol: "tcp", port: 8080 },
      { protocol: "udp", port: 5353 },
    ],
    ...over,
  });
}

export function publishedTests(declare: Declare, driver: DriverUnderTest): void {
  const check = (title: string, run: (t: ExecutionContext, mesh: Mesh) => Promise<void>) =>
    declare(`published: ${title}`, async (t) => {
      await using mesh = await openMesh(driver);
      await run(t, mesh);
    });

  check("TCP and UDP reach all backends, which see the client's address", async (t, mesh) => {
    mesh.apply(published(WEB));
    t.deepEqual(await spread(mesh.client, INGRESS, 8080, 10), { "web-1": 5, "web-2": 5 });
    t.is((await ask(mesh.client, INGRESS, 8080)).saw, OUTSIDE);
    const udp = await UdpCaller.open(mesh.client, INGRESS, 5353);
    t.is((await udp.ask()).saw, OUTSIDE);
    udp.close();
  });

  check("without a backend the port is refused, also when the namespace has a listener there", async (t, mesh) => {
    mesh.apply(published(WEB));
    await (await mesh.ingress.serveTcp(8080)).serveUdp(5353);
    for (const wanted of [published([]), published({ [WEB[0]]: 0 })]) {
      mesh.apply(wanted);
      t.is(await outcome(mesh.client, INGRESS, 8080), "ECONNREFUSED");
      const udp = await UdpCaller.open(mesh.client, INGRESS, 5353);
      t.is(await udp.outcome(), "ECONNREFUSED");
      mesh.apply(published([WEB[1]]));
      t.is(await udp.outcome(), "web-2");
      udp.close();
    }
  });

  check("established connections to a removed backend end, and to a removed service", async (t, mesh) => {
    for (const after of [[published([WEB[1]])], []]) {
      mesh.apply(published([WEB[0]]));
      const conversation = await Conversation.open(mesh.client, INGRESS, 8080);
      t.is(await conversation.say("one"), "web-1: one");
      mesh.apply(...after);
      t.true(["ECONNRESET", "EPIPE", "END"].includes(codeOf(await t.throwsAsync(conversation.say("two")))));
    }
  });

  check("a port that is taken back is refused", async (t, mesh) => {
    mesh.apply(published([WEB[0]]));
    const conversation = await Conversation.open(mesh.client, INGRESS, 8080);
    mesh.apply(published([WEB[0]], { published: [{ protocol: "udp", port: 5353 }] }));
    t.is(await outcome(mesh.client, INGRESS, 8080), "ECONNREFUSED");
    if (driver.endsUnpublished) {
      t.true(["ECONNRESET", "EPIPE", "END"].includes(codeOf(await t.throwsAsync(conversation.say("one")))));
    } else {
      t.is(await conversation.say("one"), "web-1: one");
    }
    conversation.close();
  });

  check("a draining backend keeps its connections", async (t, mesh) => {
    mesh.apply(published([WEB[0]]));
    const conversation = await Conversation.open(mesh.client, INGRESS, 8080);
    mesh.apply(published({ [WEB[0]]: 0, [WEB[1]]: 1 }));
    t.is(await conversation.say("still"), "web-1: still");
    t.deepEqual(await spread(mesh.client, INGRESS, 8080, 4), { "web-2": 4 });
    mesh.apply(published({ [WEB[0]]: 0 }));
    t.is(await conversation.say("there"), "web-1: there");
    conversation.close();
  });
}
