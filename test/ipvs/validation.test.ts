import test from "ava";
import { WantedServiceError } from "../../ipvs/errors.js";
import type { VirtualService } from "../../ipvs/load-balancer.js";
import { serviceChanges } from "../../ipvs/service-changes.js";
import { DESTINATIONS_MAX, validateChanges } from "../../ipvs/validation.js";
import { A, A6, TCP80, web, web6 } from "./services.js";

const DRIVER = { balancesIpv6: true };

test("the problem's values are in the error and in its text", (t) => {
  const wanted = [web(300, {}), web(300, {}, { id: "b" })];
  const error = t.throws(() => validateChanges(serviceChanges([], wanted), wanted, DRIVER), {
    instanceOf: WantedServiceError,
  });
  t.deepEqual(error.details, { mark: 300, ids: ["web300", "b"] });
  t.is(error.message, "wanted services: duplicate-mark: mark 300, ids web300 and b");
});

test("a change into another service's way is refused, a change of destinations is not looked at for it", (t) => {
  const before = [web(300, { [A]: 1 }), web(301, {}, { published: TCP80 })];
  const check = (after: typeof before) => () => validateChanges(serviceChanges(before, after), after, DRIVER);
  t.throws(check([{ ...before[0]!, published: TCP80 }, before[1]!]), { message: /duplicate-published-port/ });
  t.throws(check([{ ...before[0]!, mark: 301 }, before[1]!]), { message: /duplicate-mark/ });
  t.throws(check([{ ...before[0]!, virtual: before[1]!.virtual }, before[1]!]), {
    message: /duplicate-virtual-address/,
  });
  t.notThrows(check([web(300, {}), before[1]!]));
});

test("more destinations than a row of slots can number are refused", (t) => {
  const weights = (count: number) =>
    Object.fromEntries(Array.from({ length: count }, (_, index) => [`10.1.${index >> 8}.${index & 255}`, 1]));
  const check = (count: number) => () =>
    validateChanges({ added: [web(300, weights(count))], changed: [], removed: [] }, [], DRIVER);
  t.notThrows(check(DESTINATIONS_MAX));
  t.throws(check(DESTINATIONS_MAX + 1), { message: /too-many-destinations/ });
});

const refused: Readonly<Record<string, readonly [code: string, wanted: VirtualService]>> = {
  "a source of the other family": [
    "other-family",
    web6(300, {}, { virtual: { address: "fd00:99::1", sourceAddress: "10.0.0.1" } }),
  ],
  "a destination of the other family": ["other-family", web6(300, { [A]: 1 })],
  "an IPv6 destination behind an IPv4 address": ["other-family", web(300, { [A6]: 1 })],
  "an IPv6 destination behind ports alone": [
    "other-family",
    web(300, { [A6]: 1 }, { virtual: undefined, published: TCP80 }),
  ],
  "ports published by IPv6": ["published-ipv6", web6(300, { [A6]: 1 }, { published: TCP80 })],
  capitals: ["bad-address", web6(300, { "FD00::1": 1 })],
  "zeroes written out": ["bad-address", web6(300, { "fd00:0::1": 1 })],
  "a zone": ["bad-address", web6(300, { "fe80::1%eth0": 1 })],
  "IPv4 in the guise of IPv6": ["bad-address", web6(300, { "::ffff:10.0.0.1": 1 })],
};
for (const [title, [code, wanted]] of Object.entries(refused)) {
  test(`refused: ${title}`, (t) => {
    const changes = serviceChanges([], [wanted]);
    const error = t.throws(() => validateChanges(changes, [wanted], DRIVER), { instanceOf: WantedServiceError });
    t.is(error.code, code as typeof error.code);
  });
}

test("a service of each family; of IPv6 only where the driver balances it", (t) => {
  const wanted = [web(300, { [A]: 1 }), web6(301, { [A6]: 1 })];
  const changes = serviceChanges([], wanted);
  t.notThrows(() => validateChanges(changes, wanted, DRIVER));
  t.throws(() => validateChanges(changes, wanted, { balancesIpv6: false }), { message: /no-ipv6/ });
});

test("a list of destinations that is good for one family is not for the other", (t) => {
  const { destinations } = web(300, { [A]: 1 });
  const check = (service: VirtualService) => () => validateChanges(serviceChanges([], [service]), [service], DRIVER);
  t.notThrows(check(web(300, {}, { destinations })));
  t.throws(check(web6(301, {}, { destinations })), { message: /other-family/ });
});
