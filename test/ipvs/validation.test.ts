import test from "ava";
import { WantedServiceError } from "../../ipvs/errors.js";
import { serviceChanges } from "../../ipvs/service-changes.js";
import { DESTINATIONS_MAX, validateChanges } from "../../ipvs/validation.js";
import { A, TCP80, web } from "./services.js";

test("the problem's values are in the error and in its text", (t) => {
  const wanted = [web(300, {}), web(300, {}, { id: "b" })];
  const error = t.throws(() => validateChanges(serviceChanges([], wanted), wanted), { instanceOf: WantedServiceError });
  t.deepEqual(error.details, { mark: 300, ids: ["web300", "b"] });
  t.is(error.message, "wanted services: duplicate-mark: mark 300, ids web300 and b");
});

test("a change into another service's way is refused, a change of destinations is not looked at for it", (t) => {
  const before = [web(300, { [A]: 1 }), web(301, {}, { published: TCP80 })];
  const check = (after: typeof before) => () => validateChanges(serviceChanges(before, after), after);
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
    validateChanges({ added: [web(300, weights(count))], changed: [], removed: [] }, []);
  t.notThrows(check(DESTINATIONS_MAX));
  t.throws(check(DESTINATIONS_MAX + 1), { message: /too-many-destinations/ });
});
