import test from "ava";
import { RelayMachine } from "../../../src/agent/link/relay-machine.js";
import { EndpointState } from "../../../src/api/generated/tswarm/v1/link.js";
import { endpoint, serviceRow, update } from "../network/rows.js";

const identity = { nodeId: "me", hostname: "host1", tunnelAddress: "192.0.2.1" };
const own = endpoint({ id: "t1/n1", nodeId: "me", revision: 5 });

test("a link begins with who we are, what we want to hear, and all own rows", (t) => {
  const machine = new RelayMachine(identity);
  machine.subscribe(new Set(["n2", "n1"]));
  machine.publish(own);
  t.deepEqual(
    machine.linkUp().send.map(({ message }) => message),
    [
      { $case: "hello", value: identity },
      { $case: "subscription", value: { networkIds: ["n1", "n2"] } },
      { $case: "update", value: { complete: true, endpoints: [own], removedIds: [] } },
    ],
  );
});

test("own rows are in the view at once and nothing that the manager says takes them away", (t) => {
  const machine = new RelayMachine(identity);
  machine.linkUp();
  machine.publish(own);
  t.is(machine.rows.endpoints.get("t1/n1"), own);
  machine.received({ message: { $case: "rows", value: update({ revision: 3, removedEndpointIds: ["t1/n1"] }) } });
  machine.received({ message: { $case: "rows", value: update({ revision: 4, complete: true }) } });
  t.is(machine.rows.endpoints.get("t1/n1"), own);
});

test("an echo of an own row that was withdrawn does not bring it back", (t) => {
  const machine = new RelayMachine(identity);
  machine.linkUp();
  machine.publish(own);
  machine.withdraw(["t1/n1"]);
  machine.received({ message: { $case: "rows", value: update({ revision: 3, endpoints: [own] }) } });
  t.is(machine.rows.endpoints.size, 0);
});

test("without a link rows are kept and nothing is sent", (t) => {
  const machine = new RelayMachine(identity);
  machine.linkUp();
  machine.received({ message: { $case: "rows", value: update({ revision: 3, services: [serviceRow()] }) } });
  machine.linkDown();
  t.deepEqual(machine.publish(own).send, []);
  t.is(machine.rows.services.size, 1);
  t.is(machine.rows.endpoints.size, 1);
});

test("a revision of an earlier manager is not acknowledged to this one", (t) => {
  const machine = new RelayMachine(identity);
  machine.linkUp();
  machine.received({ message: { $case: "rows", value: update({ revision: 900 }) } });
  machine.linkDown();
  machine.linkUp();
  t.deepEqual(machine.applied(900).send, []);
  machine.received({ message: { $case: "rows", value: update({ revision: 2, complete: true }) } });
  t.deepEqual(machine.applied(2).send, [{ message: { $case: "applied", value: { revision: 2 } } }]);
});

test("rows of an earlier run are restored without its revision", (t) => {
  const machine = new RelayMachine(identity);
  const restored = machine.restore(
    update({ revision: 77, complete: true, endpoints: [endpoint({ id: "t9/n1" }), own], services: [serviceRow()] }),
  );
  t.is(restored.revision, 0);
  t.deepEqual([...machine.rows.endpoints.keys()], ["t9/n1"]);
});

test("acknowledgements name rows and revisions", (t) => {
  const machine = new RelayMachine(identity);
  machine.linkUp();
  machine.publish({ ...own, state: EndpointState.ENDPOINT_DRAINING });
  const output = machine.received({
    message: { $case: "applied", value: { rows: [{ endpointId: "t1/n1", revision: 5 }] } },
  });
  t.deepEqual(output.acknowledged, [{ id: "t1/n1", revision: 5 }]);
});
