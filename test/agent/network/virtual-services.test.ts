/** Which services a sandbox balances, of both families, change by change. */
import test from "ava";
import fc from "fast-check";
import type { VirtualService } from "../../../ipvs/load-balancer.js";
import { type RowChange, RowTable } from "../../../src/agent/network/row-table.js";
import { SandboxServices } from "../../../src/agent/network/sandbox-services.js";
import { ServiceMarks } from "../../../src/agent/network/service-marks.js";
import { key6Of, rowKeyOf, SharedDestinations } from "../../../src/agent/network/virtual-services.js";
import { EndpointState, type RowUpdate } from "../../../src/api/generated/tswarm/v1/link.js";
import { endpoint, serviceRow, update } from "./rows.js";

const SIX = new Map([["n1", "fd00:1::4"]]);

/** One sandbox on n1 (of both families where `sources6` says so) and n2, and all that it is made from. */
class Bed {
  readonly rows = new RowTable();
  readonly shared = new SharedDestinations(this.rows);
  readonly marks = new ServiceMarks();
  readonly services: SandboxServices;

  constructor(readonly sources6: ReadonlyMap<string, string> = SIX) {
    this.services = this.#sandbox(this.shared);
  }

  take(change: Partial<RowUpdate>): void {
    const { serviceKeys }: RowChange = this.rows.apply(update(change));
    this.shared.forget(serviceKeys);
    this.services.update(serviceKeys);
  }

  /** The same from nothing. */
  afresh(): readonly VirtualService[] {
    const fresh = this.#sandbox(new SharedDestinations(this.rows));
    fresh.rebuild();
    return fresh.list;
  }

  service(id: string): VirtualService | undefined {
    return this.services.list.find((service) => service.id === id);
  }

  #sandbox(shared: SharedDestinations): SandboxServices {
    const { rows, marks, sources6 } = this;
    const sources = new Map([
      ["n1", "10.0.1.4"],
      ["n2", "10.0.2.4"],
    ]);
    return new SandboxServices({
      balancer: undefined,
      sources,
      sources6,
      meshNetworkId: undefined,
      marks,
      shared,
      rows,
    });
  }
}

const WEB = serviceRow({ virtualAddress6: "fd00:1::2" });
const task = (number: number, over: Parameters<typeof endpoint>[0] | object = {}) =>
  endpoint({ id: `t${number}/n1`, address: `10.0.1.${number}`, address6: `fd00:1::${number}`, ...over });

test("a service of both families is two to the load balancer, each with its id, mark, source and backends", (t) => {
  const bed = new Bed();
  const draining = task(12, { state: EndpointState.ENDPOINT_DRAINING });
  const without = task(13, { address6: "" });
  const starting = task(14, { state: EndpointState.ENDPOINT_CONNECTED });
  bed.take({ services: [WEB], endpoints: [task(11), draining, without, starting] });
  t.like(bed.service("s1/n1"), {
    virtual: { address: "10.0.1.2", sourceAddress: "10.0.1.4" },
    destinations: [
      { address: "10.0.1.11", weight: 1 },
      { address: "10.0.1.12", weight: 0 },
      { address: "10.0.1.13", weight: 1 },
    ],
  });
  t.like(bed.service("s1/n1/6"), {
    virtual: { address: "fd00:1::2", sourceAddress: "fd00:1::4" },
    published: [],
    destinations: [
      { address: "fd00:1::11", weight: 1 },
      { address: "fd00:1::12", weight: 0 },
    ],
  });
  t.not(bed.service("s1/n1")?.mark, bed.service("s1/n1/6")?.mark);
});

test("with the row, its address or the last task the half of IPv6 goes or stays as that of IPv4", (t) => {
  const bed = new Bed();
  const ids = () => bed.services.list.map(({ id }) => id).sort();
  bed.take({ services: [WEB], endpoints: [task(11)] });
  bed.take({ removedEndpointIds: ["t11/n1"] });
  t.deepEqual(ids(), ["s1/n1", "s1/n1/6"]);
  t.deepEqual(bed.service("s1/n1/6")?.destinations, []);
  bed.take({ services: [{ ...WEB, virtualAddress6: "" }] });
  t.deepEqual(ids(), ["s1/n1"]);
  bed.take({ services: [WEB] });
  t.deepEqual(ids(), ["s1/n1", "s1/n1/6"]);
  bed.take({ removedServices: [{ serviceId: "s1", networkId: "n1" }] });
  t.deepEqual(ids(), []);
});

test("where IPv6 is not balanced nothing is made of it", (t) => {
  const bed = new Bed(new Map());
  bed.take({ services: [WEB, serviceRow({ networkId: "n2", virtualAddress6: "fd00:2::2" })], endpoints: [task(11)] });
  t.deepEqual(bed.services.list.map(({ id }) => id).sort(), ["s1/n1", "s1/n2"]);
});

test("the row of a balanced service is known by its id, of either family", (t) => {
  t.is(rowKeyOf(key6Of("s1/n1")), "s1/n1");
  t.is(rowKeyOf("s1/n1"), "s1/n1");
  t.is(rowKeyOf("s1/6"), "s1/6");
  t.is(rowKeyOf(""), "");
});

const anyChange = fc.oneof(
  fc.record({
    kind: fc.constant("service" as const),
    serviceId: fc.constantFrom("s1", "s2"),
    networkId: fc.constantFrom("n1", "n2", "n3"),
    six: fc.boolean(),
  }),
  fc.record({
    kind: fc.constant("no-service" as const),
    serviceId: fc.constantFrom("s1", "s2"),
    networkId: fc.constantFrom("n1", "n2", "n3"),
  }),
  fc.record({
    kind: fc.constant("task" as const),
    number: fc.integer({ min: 10, max: 15 }),
    serviceId: fc.constantFrom("s1", "s2"),
    state: fc.constantFrom(
      EndpointState.ENDPOINT_CONNECTED,
      EndpointState.ENDPOINT_ACTIVE,
      EndpointState.ENDPOINT_DRAINING,
    ),
    six: fc.boolean(),
  }),
  fc.record({ kind: fc.constant("no-task" as const), number: fc.integer({ min: 10, max: 15 }) }),
);

test("change by change comes to the same as from nothing, and a change leaves other services as they are", (t) => {
  fc.assert(
    fc.property(fc.array(anyChange, { maxLength: 30 }), fc.boolean(), (changes, isBalanced) => {
      const bed = new Bed(isBalanced ? SIX : new Map());
      changes.forEach((change, revision) => {
        const before = new Map(bed.services.list.map((service) => [service.id, service]));
        let touched: readonly string[] = [];
        if (change.kind === "service") {
          const { serviceId, networkId, six } = change;
          const number = Number(serviceId.slice(1));
          const virtualAddress6 = six ? `fd00:1::a${number}` : "";
          bed.take({
            services: [serviceRow({ serviceId, networkId, virtualAddress: `10.0.1.${100 + number}`, virtualAddress6 })],
          });
          touched = [`${serviceId}/${networkId}`];
        } else if (change.kind === "no-service") {
          const { serviceId, networkId } = change;
          bed.take({ removedServices: [{ serviceId, networkId }] });
          touched = [`${serviceId}/${networkId}`];
        } else if (change.kind === "task") {
          const { number, serviceId, state, six } = change;
          touched = [`${serviceId}/n1`, `${bed.rows.endpoints.get(`t${number}/n1`)?.serviceId}/n1`];
          const own = six ? {} : { address6: "" };
          bed.take({ endpoints: [task(number, { serviceId, state, revision: revision + 1, ...own })] });
        } else {
          touched = [`${bed.rows.endpoints.get(`t${change.number}/n1`)?.serviceId}/n1`];
          bed.take({ removedEndpointIds: [`t${change.number}/n1`] });
        }
        for (const service of bed.services.list) {
          if (!touched.includes(rowKeyOf(service.id))) t.true(service === before.get(service.id), service.id);
        }
      });
      const byId = (list: readonly VirtualService[]) => [...list].sort((a, b) => (a.id < b.id ? -1 : 1));
      t.deepEqual(byId(bed.services.list), byId(bed.afresh()));
      const marks = bed.services.list.map(({ mark }) => mark);
      t.is(new Set(marks).size, marks.length);
    }),
    { numRuns: 500 },
  );
});
