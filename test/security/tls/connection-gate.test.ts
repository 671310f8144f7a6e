import test from "ava";
import fc from "fast-check";
import { type Admitted, ConnectionGate, type ConnectionLimits } from "../../../src/security/tls/connection-gate.js";

const LIMITS: ConnectionLimits = {
  total: 10,
  handshakes: 5,
  handshakesPerAddress: 3,
  anonymous: 4,
  anonymousPerAddress: 2,
  perNode: 2,
};

test("each limit keeps out whoever is one too many, and lets the next in when a place is free", (t) => {
  const gate = new ConnectionGate(LIMITS);
  const open = (address: string) => gate.open(address) as Admitted;
  const [a, b, c] = [open("1.1.1.1"), open("1.1.1.1"), open("1.1.1.1")];
  t.is(gate.open("1.1.1.1"), "handshakesPerAddress");
  t.is(gate.verified(a, undefined), undefined);
  t.is(gate.verified(b, undefined), undefined);
  t.is(gate.verified(c, undefined), "anonymousPerAddress");
  t.deepEqual(gate.counts, { total: 3, handshakes: 1, anonymous: 2, nodes: 0 });
  gate.closed(c);
  gate.closed(a);
  const again = open("1.1.1.1");
  t.is(gate.verified(again, undefined), undefined);
  for (const expected of [undefined, undefined, "perNode"] as const)
    t.is(gate.verified(open("2.2.2.2"), "n"), expected);
  t.is(gate.verified(open("2.2.2.2"), "other"), undefined);
  t.is(gate.verified(open("3.3.3.3"), undefined), undefined);
  t.is(gate.verified(open("3.3.3.3"), undefined), undefined);
  t.is(gate.verified(open("4.4.4.4"), undefined), "anonymous");
  t.is(gate.counts.total, 9);
  open("5.5.5.5");
  t.is(gate.open("6.6.6.6"), "total");
});

test("handshakes of all together are limited", (t) => {
  const gate = new ConnectionGate(LIMITS);
  for (let i = 0; i < 5; i++) t.is(typeof gate.open(`1.1.1.${i}`), "object");
  t.is(gate.open("1.1.1.9"), "handshakes");
});

test("whatever comes and goes, no limit is passed, and an empty port has no counts left", (t) => {
  const address = fc.constantFrom("1.1.1.1", "2.2.2.2", "3.3.3.3");
  const node = fc.constantFrom(undefined, "a", "b");
  const step = fc.oneof(
    fc.record({ do: fc.constant("open" as const), address }),
    fc.record({ do: fc.constant("verify" as const), at: fc.nat(), node }),
    fc.record({ do: fc.constant("close" as const), at: fc.nat() }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const gate = new ConnectionGate(LIMITS);
      const inside: Admitted[] = [];
      for (const one of steps) {
        if (one.do === "open") {
          const admitted = gate.open(one.address);
          if (typeof admitted !== "string") inside.push(admitted);
        } else {
          const admitted = inside[one.at % inside.length];
          if (!admitted) continue;
          if (one.do === "verify" && admitted.place.kind === "handshake") gate.verified(admitted, one.node);
          if (one.do === "close") gate.closed(inside.splice(inside.indexOf(admitted), 1)[0]!);
        }
        const { total, handshakes, anonymous } = gate.counts;
        if (total !== inside.length || total > 10 || handshakes > 5 || anonymous > 4) return false;
      }
      for (const admitted of inside) gate.closed(admitted);
      return gate.counts.total === 0;
    }),
  );
  t.pass();
});
