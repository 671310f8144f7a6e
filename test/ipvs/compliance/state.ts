/** What stands in the kernel: idempotence, drift and healing, adoption, many services, clearing. */
import type { ExecutionContext } from "ava";
import fc from "fast-check";
import type { LoadBalancer, VirtualService } from "../../../ipvs/load-balancer.js";
import { inNamespace } from "../../../netns/index.js";
import { CASTS, type Cast } from "./cast.js";
import { outcome, spread } from "./clients.js";
import { type Declare, type DriverUnderTest, drifted, TAMPERED } from "./driver.js";
import { wantedLists } from "./random-services.js";
import { TestNetwork } from "./test-network.js";
import { openShop } from "./traffic.js";

export function stateTests(declare: Declare, driver: DriverUnderTest, cast: Cast): void {
  const { service, virtual, WEB, VIP, OTHER_VIP, CLIENT, PUBLISHED } = cast;
  const { mark, otherMark } = TAMPERED;
  const check = (
    title: string,
    run: (t: ExecutionContext, kernel: { inside<T>(work: () => T): T }) => void | Promise<void>,
  ) =>
    declare(title, async (t) => {
      await using network = new TestNetwork();
      const { namespace } = network.host("box", `${CLIENT}/${cast.prefixLength}`);
      await run(t, { inside: (work) => inNamespace(namespace, work) });
    });

  check("applying again writes nothing, nor does another driver that finds the state in place", (t, { inside }) => {
    const wanted = [
      service(WEB, { published: PUBLISHED }),
      service([], { id: "empty/shop", mark: 301, virtual: virtual(2) }),
      service({ [WEB[0]]: 0 }, { id: "drained/shop", mark: 302, virtual: virtual(3) }),
    ];
    const balancer = driver.create();
    t.true(inside(() => balancer.apply(wanted)).changed > 0);
    t.deepEqual(drifted(inside(() => balancer.observe(wanted))), []);
    t.is(inside(() => balancer.apply(wanted)).changed, 0);
    t.is(inside(() => balancer.apply(structuredClone(wanted))).changed, 0);
    const next = driver.create();
    t.deepEqual(drifted(inside(() => next.observe(wanted))), []);
    t.is(inside(() => next.apply(wanted)).changed, 0);
  });

  for (const [title, tamper] of Object.entries(driver.tampering[cast.family])) {
    declare(`heals after: ${title}`, async (t) => {
      await using shop = await openShop(driver, cast);
      const wanted = [
        service(WEB, { mark, published: PUBLISHED }),
        service([WEB[0]], {
          id: "other/shop",
          mark: otherMark,
          virtual: { address: OTHER_VIP, sourceAddress: CLIENT },
        }),
      ];
      shop.apply(...wanted);
      shop.client.inside(tamper);
      t.not(drifted(shop.client.inside(() => shop.balancer.observe(wanted))).length, 0);
      t.true(shop.apply(...wanted) > 0);
      t.deepEqual(drifted(shop.client.inside(() => shop.balancer.observe(wanted))), []);
      t.is(shop.apply(...wanted), 0);
      t.deepEqual(await spread(shop.client, VIP, 80, 6), { "web-1": 2, "web-2": 2, "web-3": 2 });
      t.is(await outcome(shop.client, OTHER_VIP, 80), "web-1");
    });
  }

  check("another driver takes over a state that differs, and removes what it does not want", (t, { inside }) => {
    const before = [
      service(WEB),
      service(WEB, { id: "old/shop", mark: 305, virtual: virtual(5), published: PUBLISHED }),
    ];
    const after = [
      service({ [WEB[0]]: 0, [WEB[1]]: 1, [cast.web(14)]: 1 }),
      service(WEB, { id: "new/shop", mark: 306, virtual: virtual(6) }),
    ];
    inside(() => driver.create().apply(before));
    const balancer = driver.create();
    const found = inside(() => balancer.observe(after)).filter(({ state }) => state === "extra");
    t.true(found.some(({ mark, part }) => mark === 305 && part === "service"));
    t.true(found.some(({ part }) => part === WEB[2]));
    inside(() => balancer.apply(after));
    t.deepEqual(drifted(inside(() => driver.create().observe(after))), []);
  });

  check("any sequence of changes leaves what a fresh start would", async (t, { inside }) => {
    fc.assert(
      fc.property(fc.array(wantedLists([cast]), { minLength: 2, maxLength: 6 }), (lists) => {
        const balancer = driver.create();
        for (const wanted of lists) {
          inside(() => balancer.apply(wanted));
          const drifts = drifted(inside(() => driver.create().observe(wanted)));
          if (drifts.length > 0) throw new Error(drifts.join("; "));
        }
        return true;
      }),
      { numRuns: driver.sequences },
    );
    t.deepEqual(
      drifted(inside(() => driver.create().observe([]))).length,
      inside(() => leftBehind(driver.create())),
    );
    inside(() => driver.create().clear());
  });

  check("clearing leaves nothing of the driver's, and all of others'", (t, { inside }) => {
    inside(() => driver.addForeign());
    const before = inside(() => driver.dump());
    const balancer = driver.create();
    inside(() =>
      balancer.apply([
        service(WEB, { published: PUBLISHED }),
        service([], { id: "e/shop", mark: 301, virtual: virtual(2) }),
      ]),
    );
    t.not(
      inside(() => driver.dump()),
      before,
    );
    inside(() => balancer.clear());
    t.is(
      inside(() => driver.dump()),
      before,
    );
    inside(() => balancer.clear());
    t.is(
      inside(() => driver.dump()),
      before,
    );
    t.true(inside(() => balancer.apply([service(WEB)])).changed > 0);
    t.deepEqual(
      drifted(inside(() => balancer.observe([service(WEB)]))).filter((line) => line.startsWith("web/shop")),
      [],
    );
  });

  check("wanted services that contradict each other are refused, and nothing is written", (t, { inside }) => {
    const before = inside(() => driver.dump());
    const balancer = driver.create();
    const badPorts = {
      "duplicate-published-port": [
        service(WEB, { published: PUBLISHED }),
        service(WEB, { id: "b", mark: 301, virtual: virtual(2), published: PUBLISHED }),
      ],
      "bad-port": [service(WEB, { published: [{ protocol: "tcp", port: 0 }] })],
    } as const;
    const bad: Readonly<Record<string, readonly VirtualService[]>> = {
      "duplicate-id": [service(WEB), service(WEB, { mark: 301, virtual: virtual(2) })],
      "duplicate-mark": [service(WEB), service(WEB, { id: "b", virtual: virtual(2) })],
      "duplicate-virtual-address": [service(WEB), service(WEB, { id: "b", mark: 301 })],
      "duplicate-destination": [service([WEB[0], WEB[0]])],
      "mark-out-of-range": [service(WEB, { mark: 255 })],
      "bad-address": [service(["10.77.0"])],
      "bad-weight": [service({ [WEB[0]]: 65536 })],
      ...(cast.family === "ip" ? badPorts : { "published-ipv6": [service(WEB, { published: CASTS.ip.PUBLISHED })] }),
    };
    for (const [code, wanted] of Object.entries(bad)) {
      const error = t.throws(() => inside(() => balancer.apply(wanted)), { name: "WantedServiceError" });
      t.is((error as Error & { code?: string }).code, code);
    }
    t.is(
      inside(() => driver.dump()),
      before,
    );
  });

  declare(`${driver.many} services of three backends: the first and the last answer, one changes`, async (t) => {
    await using shop = await openShop(driver, cast);
    const wanted = Array.from({ length: driver.many }, (_, index) =>
      service(WEB, { id: `s${index}/shop`, mark: 256 + index, virtual: virtual(index) }),
    );
    shop.apply(...wanted);
    for (const index of [0, driver.many >> 1, driver.many - 1]) {
      t.deepEqual(await spread(shop.client, virtual(index).address, 80, 6), { "web-1": 2, "web-2": 2, "web-3": 2 });
    }
    const last = driver.many - 1;
    const changed = wanted.with(last, { ...wanted[last]!, destinations: [{ address: WEB[1], weight: 1 }] });
    t.true(shop.apply(...changed) < 12);
    t.deepEqual(await spread(shop.client, virtual(last).address, 80, 4), { "web-2": 4 });
    t.deepEqual(drifted(shop.client.inside(() => driver.create().observe(changed))), []);
    shop.client.inside(() => shop.balancer.clear());
  });
}

/** What a driver finds extra in the namespace now. */
function leftBehind(balancer: LoadBalancer): number {
  return balancer.observe([]).filter(({ state }) => state !== "present").length;
}
