/** Services of both families in one namespace. */
import type { ExecutionContext } from "ava";
import fc from "fast-check";
import type { VirtualService } from "../../../ipvs/load-balancer.js";
import { CASTS, type Cast } from "./cast.js";
import { Conversation, codeOf, outcome } from "./clients.js";
import { type Declare, type DriverUnderTest, drifted } from "./driver.js";
import { wantedLists } from "./random-services.js";
import { type TestHost, TestNetwork } from "./test-network.js";

const { ip, ip6 } = CASTS;
/** How a TCP connection ends that was cut. */
const ENDED = ["ECONNRESET", "EPIPE", "END"];
const prefixOf = ({ prefixLength }: Cast, address: string) => `${address}/${prefixLength}`;

interface Town extends AsyncDisposable {
  /** With an address of each family. */
  readonly client: TestHost;
}

/** One backend of each family. */
async function openTown(): Promise<Town> {
  const network = new TestNetwork();
  const client = network.host("client", prefixOf(ip6, ip6.CLIENT));
  client.carry(prefixOf(ip, ip.CLIENT));
  await network.host("web-4", prefixOf(ip, ip.WEB[0])).serveTcp(80);
  await network.host("web-6", prefixOf(ip6, ip6.WEB[0])).serveTcp(80);
  return { client, [Symbol.asyncDispose]: () => network[Symbol.asyncDispose]() };
}

export function familyTests(declare: Declare, driver: DriverUnderTest): void {
  const check = (title: string, run: (t: ExecutionContext, client: TestHost) => Promise<void>) =>
    declare(title, async (t) => {
      await using town = await openTown();
      await run(t, town.client);
    });
  const four = ip.service([ip.WEB[0]]);
  const six = ip6.service([ip6.WEB[0]], { id: "web/shop/6", mark: 301 });

  check("one service by both families; what comes and goes in one leaves the other alone", async (t, client) => {
    const balancer = driver.create();
    const apply = (...wanted: readonly VirtualService[]) => client.inside(() => balancer.apply(wanted).changed);
    apply(four);
    const withoutIpv6 = client.inside(() => driver.dump());
    const conversation4 = await Conversation.open(client, ip.VIP, 80);
    t.true(apply(four, six) > 0);
    t.is(await outcome(client, ip6.VIP, 80), "web-6");
    t.is(await conversation4.say("one"), "web-4: one");
    t.deepEqual(drifted(client.inside(() => driver.create().observe([four, six]))), []);
    t.is(apply(four, six), 0);

    const conversation6 = await Conversation.open(client, ip6.VIP, 80);
    apply(ip.service([]), six);
    t.true(ENDED.includes(codeOf(await t.throwsAsync(conversation4.say("two")))));
    t.is(await conversation6.say("one"), "web-6: one");
    t.is(await outcome(client, ip.VIP, 80), "ECONNREFUSED");
    apply(six);
    t.is(await conversation6.say("two"), "web-6: two");

    apply(four, { ...six, destinations: [] });
    t.true(ENDED.includes(codeOf(await t.throwsAsync(conversation6.say("three")))));
    t.is(await outcome(client, ip6.VIP, 80), "ECONNREFUSED");
    apply(four);
    t.is(await outcome(client, ip.VIP, 80), "web-4");
    t.is(
      client.inside(() => driver.dump()),
      withoutIpv6,
    );
  });

  check("a driver that starts anew takes away what is left of IPv6", async (t, client) => {
    const before = client.inside(() => {
      driver.create().apply([four]);
      return driver.dump();
    });
    client.inside(() => driver.create().apply([four, six]));
    const next = driver.create();
    t.true(drifted(client.inside(() => next.observe([four]))).length > 0);
    t.true(client.inside(() => next.apply([four]).changed) > 0);
    t.is(
      client.inside(() => driver.dump()),
      before,
    );
  });

  check("any sequence of changes in both families leaves what a fresh start would", async (t, client) => {
    const before = client.inside(() => driver.dump());
    fc.assert(
      fc.property(fc.array(wantedLists([ip, ip6]), { minLength: 2, maxLength: 6 }), (lists) => {
        const balancer = driver.create();
        for (const wanted of lists) {
          client.inside(() => balancer.apply(wanted));
          const drifts = drifted(client.inside(() => driver.create().observe(wanted)));
          if (drifts.length > 0) throw new Error(drifts.join("; "));
        }
        return true;
      }),
      { numRuns: driver.sequences },
    );
    client.inside(() => driver.create().clear());
    t.is(
      client.inside(() => driver.dump()),
      before,
    );
  });
}
