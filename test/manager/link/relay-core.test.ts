import test from "ava";
import fc from "fast-check";
import {
  type Endpoint,
  EndpointKind,
  EndpointState,
  type RowUpdate,
  ServiceResolution,
} from "../../../src/api/generated/tswarm/v1/link.js";
import { RelayCore } from "../../../src/manager/link/relay-core.js";

function endpoint(nodeId: string, task: string, networkId = "n1", revision = 1): Endpoint {
  return {
    id: `${task}/${networkId}`,
    kind: EndpointKind.ENDPOINT_TASK,
    nodeId,
    networkId,
    taskId: task,
    taskName: task,
    slot: 1,
    serviceId: "s1",
    address: "10.0.1.4",
    mac: "02:42:0a:00:01:04",
    tunnelAddress: "192.0.2.1",
    taskAliases: [],
    state: EndpointState.ENDPOINT_ACTIVE,
    revision,
  };
}

const service = (networkId = "n1") => ({
  serviceId: "s1",
  networkId,
  name: "web",
  resolution: ServiceResolution.SERVICE_VIP,
  virtualAddress: "10.0.1.2",
  aliases: [],
  ports: [],
});

const publish = (...endpoints: Endpoint[]) => ({ complete: false, endpoints, removedIds: [] });
const withdraw = (...removedIds: string[]) => ({ complete: false, endpoints: [], removedIds });

/** Two linked nodes on network n1, both told everything. */
function twoNodes(): RelayCore {
  const core = new RelayCore();
  core.linkUp(1, "a");
  core.subscribe(1, ["n1"]);
  core.linkUp(2, "b");
  core.subscribe(2, ["n1"]);
  const { rows } = core.flush();
  for (const { link, update } of rows) core.applied(link, update.revision);
  return core;
}

test("a subscription is answered with all rows of its networks, and of no others", (t) => {
  const core = new RelayCore();
  core.setService(service("n1"));
  core.setService(service("n2"));
  core.linkUp(1, "a");
  core.subscribe(1, ["n1"]);
  const [message] = core.flush().rows;
  t.true(message?.update.complete);
  t.deepEqual(
    message?.update.services.map((row) => row.networkId),
    ["n1"],
  );
});

test("a change goes as a delta to the links of its network alone", (t) => {
  const core = twoNodes();
  core.linkUp(3, "c");
  core.subscribe(3, ["n2"]);
  core.flush();
  core.update(1, publish(endpoint("a", "t1")));
  const { rows } = core.flush();
  t.deepEqual(
    rows.map(({ link, update }) => [link, update.complete, update.endpoints.length]),
    [
      [1, false, 1],
      [2, false, 1],
    ],
  );
});

test("the owner hears that a row is applied once every node of the network has it, and not before", (t) => {
  const core = twoNodes();
  core.update(1, publish(endpoint("a", "t1", "n1", 7)));
  const { rows, applied } = core.flush();
  t.deepEqual(applied, []);
  core.applied(1, rows[0]!.update.revision);
  t.deepEqual(core.flush().applied, []);
  core.applied(2, rows[1]!.update.revision);
  t.deepEqual(core.flush().applied, [{ link: 1, rows: [{ endpointId: "t1/n1", revision: 7 }] }]);
  t.deepEqual(core.flush().applied, [], "once");
});

test("a node that goes away is not waited for, and one that comes is", (t) => {
  const core = twoNodes();
  core.update(1, publish(endpoint("a", "t1")));
  const [toOwner] = core.flush().rows;
  core.applied(1, toOwner!.update.revision);
  core.linkUp(3, "c");
  core.subscribe(3, ["n1"]);
  core.linkDown(2);
  const { rows, applied } = core.flush();
  t.deepEqual(applied, [], "c has been sent the row and not applied it yet");
  core.applied(3, rows.find(({ link }) => link === 3)!.update.revision);
  t.is(core.flush().applied.length, 1);
});

test("a node cannot change the rows of another", (t) => {
  const core = twoNodes();
  core.update(1, publish(endpoint("a", "t1")));
  core.flush();
  core.update(2, withdraw("t1/n1"));
  core.update(2, publish(endpoint("a", "t1", "n1", 99)));
  t.deepEqual(core.flush().rows, []);
});

test("the first update of a new link takes away what the node has no more; a broken link takes nothing away", (t) => {
  const core = twoNodes();
  core.update(1, publish(endpoint("a", "t1"), endpoint("a", "t2")));
  core.flush();
  core.linkDown(1);
  t.deepEqual(core.flush().rows, []);
  core.linkUp(4, "a");
  core.subscribe(4, ["n1"]);
  core.update(4, { complete: true, endpoints: [endpoint("a", "t2")], removedIds: [] });
  const toB = core.flush().rows.find(({ link }) => link === 2);
  t.deepEqual(toB?.update.removedEndpointIds, ["t1/n1"]);
});

test("rows of a node that is down are gone for everybody", (t) => {
  const core = twoNodes();
  core.update(1, publish(endpoint("a", "t1")));
  core.flush();
  core.nodeGone("a");
  t.deepEqual(
    core.flush().rows.map(({ update }) => update.removedEndpointIds),
    [["t1/n1"], ["t1/n1"]],
  );
});

test("a link that lags gets everything anew instead of a growing queue", (t) => {
  const core = twoNodes();
  core.update(1, publish(endpoint("a", "t1")));
  core.flush();
  core.lagged(2);
  core.update(1, publish(endpoint("a", "t2")));
  const toB = core.flush().rows.find(({ link }) => link === 2);
  t.true(toB?.update.complete);
  t.is(toB?.update.endpoints.length, 2);
});

test("whatever the order of links, rows and losses, all links end with the rows of their networks", (t) => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant("publish" as const), node: fc.nat(2), task: fc.nat(3), network: fc.nat(1) }),
    fc.record({ kind: fc.constant("withdraw" as const), node: fc.nat(2), task: fc.nat(3), network: fc.nat(1) }),
    fc.record({ kind: fc.constant("subscribe" as const), node: fc.nat(2), networks: fc.subarray(["n0", "n1"]) }),
    fc.record({ kind: fc.constant("relink" as const), node: fc.nat(2) }),
    fc.record({ kind: fc.constant("lag" as const), node: fc.nat(2) }),
    fc.record({ kind: fc.constant("service" as const), network: fc.nat(1), remove: fc.boolean() }),
    fc.record({ kind: fc.constant("flush" as const) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const core = new RelayCore();
      const model = new Model(core);
      for (const one of steps) model.take(one);
      model.flush();
      model.check(t.deepEqual);
    }),
    { numRuns: 300 },
  );
});

type Step =
  | { readonly kind: "publish" | "withdraw"; readonly node: number; readonly task: number; readonly network: number }
  | { readonly kind: "subscribe"; readonly node: number; readonly networks: readonly string[] }
  | { readonly kind: "relink" | "lag"; readonly node: number }
  | { readonly kind: "service"; readonly network: number; readonly remove: boolean }
  | { readonly kind: "flush" };

/** What each node published and was told, kept the simple way. */
class Model {
  readonly #own = [new Map<string, Endpoint>(), new Map<string, Endpoint>(), new Map<string, Endpoint>()];
  readonly #told = [new Map<string, string>(), new Map<string, string>(), new Map<string, string>()];
  readonly #subscriptions: (readonly string[])[] = [[], [], []];
  readonly #links = [1, 2, 3];
  readonly #services = new Set<string>();
  #nextLink = 4;
  #revision = 1;

  constructor(readonly core: RelayCore) {
    this.#links.forEach((link, node) => {
      core.linkUp(link, `node${node}`);
      core.subscribe(link, []);
    });
  }

  take(step: Step): void {
    switch (step.kind) {
      case "publish": {
        const row = endpoint(`node${step.node}`, `t${step.node}${step.task}`, `n${step.network}`, ++this.#revision);
        this.#own[step.node]!.set(row.id, row);
        this.core.update(this.#links[step.node]!, publish(row));
        return;
      }
      case "withdraw": {
        const id = `t${step.node}${step.task}/n${step.network}`;
        this.#own[step.node]!.delete(id);
        this.core.update(this.#links[step.node]!, withdraw(id));
        return;
      }
      case "subscribe":
        this.#subscriptions[step.node] = step.networks;
        this.core.subscribe(this.#links[step.node]!, step.networks);
        return;
      case "relink":
        this.#links[step.node] = this.#nextLink;
        this.core.linkUp(this.#nextLink++, `node${step.node}`);
        this.core.subscribe(this.#links[step.node]!, this.#subscriptions[step.node]!);
        this.core.update(this.#links[step.node]!, {
          complete: true,
          endpoints: [...this.#own[step.node]!.values()],
          removedIds: [],
        });
        return;
      case "lag":
        this.core.lagged(this.#links[step.node]!);
        return;
      case "service":
        if (step.remove) {
          this.#services.delete(`n${step.network}`);
          this.core.removeService({ serviceId: "s1", networkId: `n${step.network}` });
        } else {
          this.#services.add(`n${step.network}`);
          this.core.setService(service(`n${step.network}`));
        }
        return;
      case "flush":
        this.flush();
    }
  }

  flush(): void {
    for (const { link, update } of this.core.flush().rows) {
      const node = this.#links.indexOf(link);
      if (node >= 0) tell(this.#told[node]!, update);
    }
  }

  check(equal: (actual: unknown, expected: unknown) => void): void {
    const rows = this.#own.flatMap((own) => [...own.values()]);
    this.#told.forEach((told, node) => {
      const subscription = this.#subscriptions[node]!;
      const expected = [
        ...rows.filter((row) => subscription.includes(row.networkId)).map((row) => `${row.id}@${row.revision}`),
        ...[...this.#services].filter((id) => subscription.includes(id)).map((id) => `s1/${id}`),
      ];
      equal([...told.values()].sort(), expected.sort());
    });
  }
}

function tell(told: Map<string, string>, update: RowUpdate): void {
  if (update.complete) told.clear();
  for (const row of update.endpoints) told.set(row.id, `${row.id}@${row.revision}`);
  for (const id of update.removedEndpointIds) told.delete(id);
  for (const row of update.services) told.set(`service ${row.networkId}`, `s1/${row.networkId}`);
  for (const key of update.removedServices) told.delete(`service ${key.networkId}`);
}
