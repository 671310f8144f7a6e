import test from "ava";
import fc from "fast-check";
import type { Endpoint, ServiceRow } from "../../../src/agent/cluster-view.js";
import type { RecordSet } from "../../../src/agent/dns/record-set.js";
import { buildZone, type NetworkZone } from "../../../src/agent/dns/zone.js";
import { ZoneTable } from "../../../src/agent/dns/zone-table.js";
import { EndpointState, ServiceResolution } from "../../../src/api/generated/tswarm/v1/link.js";
import { endpoint, serviceRow, update } from "../network/rows.js";
import { SHOP_ROWS, task } from "./sandbox.js";

const NETWORKS = ["n1", "n2"];
const SERVICES = ["s0", "s1", "s2"];
const NAMES = ["web", "Web", "api", "live", "tasks.web", ""];
const ENDPOINTS = Array.from({ length: 8 }, (_, index) => index);

const change = fc.oneof(
  fc.record({
    put: fc.constant("service" as const),
    serviceId: fc.constantFrom(...SERVICES),
    networkId: fc.constantFrom(...NETWORKS),
    name: fc.constantFrom(...NAMES),
    aliases: fc.subarray(NAMES),
    resolution: fc.constantFrom(ServiceResolution.SERVICE_VIP, ServiceResolution.SERVICE_DNSRR),
    withAddress: fc.boolean(),
    withAddress6: fc.boolean(),
  }),
  fc.record({
    put: fc.constant("endpoint" as const),
    index: fc.constantFrom(...ENDPOINTS),
    networkId: fc.constantFrom(...NETWORKS),
    serviceId: fc.constantFrom(...SERVICES, ""),
    state: fc.constantFrom(
      EndpointState.ENDPOINT_CONNECTED,
      EndpointState.ENDPOINT_ACTIVE,
      EndpointState.ENDPOINT_ACTIVE,
      EndpointState.ENDPOINT_DRAINING,
    ),
    taskAliases: fc.subarray(NAMES),
    withAddress6: fc.boolean(),
  }),
  fc.record({
    put: fc.constant("no-service" as const),
    serviceId: fc.constantFrom(...SERVICES),
    networkId: fc.constantFrom(...NETWORKS),
  }),
  fc.record({ put: fc.constant("no-endpoint" as const), index: fc.constantFrom(...ENDPOINTS) }),
  fc.record({ put: fc.constant("look" as const), name: fc.constantFrom(...NAMES) }),
  fc.record({ put: fc.constant("complete" as const) }),
);

test("changes row by row give the zone that is built from nothing", (t) => {
  fc.assert(
    fc.property(fc.array(change, { maxLength: 40 }), fc.boolean(), (changes, balancesIpv6) => {
      const view = { services: new Map<string, ServiceRow>(), endpoints: new Map<string, Endpoint>() };
      const zones = new ZoneTable({ balancesIpv6 });
      changes.forEach((one, step) => {
        switch (one.put) {
          case "service": {
            const { put: _, withAddress, withAddress6, ...row } = one;
            const place = [SERVICES.indexOf(one.serviceId), NETWORKS.indexOf(one.networkId)];
            const virtualAddress = withAddress ? `10.9.${place.join(".")}` : "";
            const virtualAddress6 = withAddress6 ? `fd00:9::${place.join(":")}` : "";
            const service = serviceRow({ ...row, virtualAddress, virtualAddress6 });
            view.services.set(`${one.serviceId}/${one.networkId}`, service);
            zones.apply(update({ services: [service] }), view);
            break;
          }
          case "endpoint": {
            const row = endpoint({
              id: `e${one.index}`,
              taskName: `task.${one.index}`,
              address: `10.0.1.${one.index}`,
              address6: one.withAddress6 ? `fd00:1::${one.index}` : "",
              networkId: one.networkId,
              serviceId: one.serviceId,
              state: one.state,
              taskAliases: one.taskAliases,
              revision: step,
            });
            view.endpoints.set(row.id, row);
            zones.apply(update({ endpoints: [row] }), view);
            break;
          }
          case "no-service": {
            view.services.delete(`${one.serviceId}/${one.networkId}`);
            zones.apply(update({ removedServices: [{ serviceId: one.serviceId, networkId: one.networkId }] }), view);
            break;
          }
          case "no-endpoint": {
            view.endpoints.delete(`e${one.index}`);
            zones.apply(update({ removedEndpointIds: [`e${one.index}`] }), view);
            break;
          }
          case "look":
            for (const id of NETWORKS) zones.zone(id).lookup(one.name);
            break;
          case "complete":
            view.services.clear();
            zones.apply(update({ complete: true }), view);
        }
      });
      for (const id of NETWORKS) {
        t.deepEqual(contents(zones.zone(id)), contents(buildZone(view, id, { balancesIpv6 })));
      }
    }),
    { numRuns: 1000 },
  );
});

/** All that can be asked of a zone. */
function contents(zone: NetworkZone): object {
  const keys = [...NAMES, ...NAMES.map((name) => `tasks.${name}`), ...ENDPOINTS.map((index) => `task.${index}`)];
  const addresses = [
    ...ENDPOINTS.flatMap((index) => [`10.0.1.${index}`, `fd00:1::${index}`]),
    ...SERVICES.flatMap((_, service) =>
      NETWORKS.flatMap((__, network) => [`10.9.${service}.${network}`, `fd00:9::${service}:${network}`]),
    ),
  ];
  const sorted = ({ addresses, ttlSeconds }: RecordSet) => ({ addresses: [...addresses].sort(), ttlSeconds });
  return {
    size: zone.size,
    records: keys.map((key) => {
      const records = zone.lookup(key.toLowerCase());
      return records && { four: sorted(records.four), six: sorted(records.six) };
    }),
    reverse: addresses.map((address) => zone.reverse(address)),
  };
}

test("a change leaves the records of other names as they are", (t) => {
  const zones = new ZoneTable({ balancesIpv6: true });
  zones.reconcile(SHOP_ROWS);
  const zone = zones.zone("n1");
  const before = { rr: zone.lookup("rr"), web: zone.lookup("web"), tasks: zone.lookup("tasks.web") };
  const view = { services: SHOP_ROWS.services, endpoints: new Map(SHOP_ROWS.endpoints) };
  const moved = task(1, { address: "10.0.1.99", revision: 2 });
  view.endpoints.set(moved.id, moved);
  zones.apply(update({ endpoints: [moved] }), view);
  t.is(zone.lookup("rr"), before.rr);
  t.deepEqual(zone.lookup("web")?.four.addresses, before.web?.four.addresses);
  t.deepEqual([...zone.lookup("tasks.web")!.four.addresses].sort(), ["10.0.1.12", "10.0.1.13", "10.0.1.99"]);
});

test("rows with no address, or what is none of its family, make no record", (t) => {
  const rows = {
    services: new Map([["s1/n1", serviceRow({ virtualAddress: "fd00::1", virtualAddress6: "fe80::1%eth0" })]]),
    endpoints: new Map([
      ["t1/n1", task(1, { address: "", address6: "fd00:1::11" })],
      ["t2/n1", task(2, { address6: "10.0.1.12" })],
    ]),
  };
  const zone = buildZone(rows, "n1", { balancesIpv6: true });
  const addresses = (name: string) => {
    const records = zone.lookup(name);
    return records && [records.four.addresses, records.six.addresses];
  };
  t.deepEqual(addresses("web"), [[], []]);
  t.deepEqual(addresses("tasks.web"), [["10.0.1.12"], []]);
  t.is(zone.lookup("web.1.t1"), undefined);
});
