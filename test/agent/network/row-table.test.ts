import test from "ava";
import fc from "fast-check";
import { RowTable } from "../../../src/agent/network/row-table.js";
import { endpoint, serviceRow, update } from "./rows.js";

test("of two rows with one id the higher revision stands, whatever the order", (t) => {
  for (const order of [
    [1, 2],
    [2, 1],
  ]) {
    const table = new RowTable();
    for (const revision of order) {
      table.apply(update({ endpoints: [endpoint({ id: "t/n1", revision, address: `10.0.1.${revision}` })] }));
    }
    t.is(table.endpoints.get("t/n1")?.address, "10.0.1.2");
  }
});

test("a complete update removes what it does not name, but never rows that are kept", (t) => {
  const table = new RowTable();
  table.apply(
    update({
      endpoints: [endpoint({ id: "own/n1", nodeId: "me" }), endpoint({ id: "old/n1" })],
      services: [serviceRow()],
    }),
  );
  const change = table.apply(
    update({ complete: true, endpoints: [endpoint({ id: "new/n1" })] }),
    (row) => row.nodeId === "me",
  );
  t.deepEqual([...table.endpoints.keys()].sort(), ["new/n1", "own/n1"]);
  t.is(table.services.size, 0);
  t.deepEqual([...change.networkIds], ["n1"]);
});

test("a change names the networks and services that it touched", (t) => {
  const table = new RowTable();
  const change = table.apply(
    update({
      endpoints: [endpoint({ id: "a/n1" }), endpoint({ id: "b/n2", networkId: "n2", serviceId: "s2" })],
    }),
  );
  t.deepEqual([...change.networkIds].sort(), ["n1", "n2"]);
  t.deepEqual([...change.serviceKeys].sort(), ["s1/n1", "s2/n2"]);
  t.deepEqual([...table.apply(update({ removedEndpointIds: ["unknown"] })).networkIds], []);
});

test("the indexes always agree with a scan of all rows", (t) => {
  const step = fc.record({
    id: fc.integer({ min: 0, max: 6 }),
    network: fc.integer({ min: 0, max: 2 }),
    service: fc.integer({ min: 0, max: 2 }),
    remove: fc.boolean(),
    complete: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const table = new RowTable();
      steps.forEach(({ id, network, service, remove, complete }, index) => {
        const row = endpoint({
          id: `t${id}/n${network}`,
          networkId: `n${network}`,
          serviceId: `s${service}`,
          revision: index + 1,
        });
        table.apply(
          update({
            complete: complete && index % 7 === 0,
            endpoints: remove ? [] : [row],
            removedEndpointIds: remove ? [row.id] : [],
          }),
        );
        for (const networkId of ["n0", "n1", "n2"]) {
          const scan = [...table.endpoints.values()].filter((one) => one.networkId === networkId).map((one) => one.id);
          t.deepEqual([...table.endpointsOf(networkId).keys()].sort(), scan.sort());
          for (const serviceId of ["s0", "s1", "s2"]) {
            const ofService = scan.filter((one) => table.endpoints.get(one)?.serviceId === serviceId);
            t.deepEqual([...table.endpointsOfService(`${serviceId}/${networkId}`).keys()].sort(), ofService.sort());
          }
        }
      });
    }),
    { numRuns: 200 },
  );
});
