/** What a worker that was taken over can hear and say over its link: of its own tasks' networks, of its own tasks. */
import test from "ava";
import { macFromAddress } from "../../../overlay/mac-address.js";
import { Node, Task } from "../../../src/api/generated/docker/swarmkit/v1/objects.js";
import { TaskState } from "../../../src/api/generated/docker/swarmkit/v1/types.js";
import { Endpoint, EndpointKind, ServiceRow } from "../../../src/api/generated/tswarm/v1/link.js";
import { LinkGate, MAX_NETWORKS, MAX_ROWS } from "../../../src/manager/link/link-gate.js";
import { isOwnRow, nodeScope } from "../../../src/manager/link/node-scope.js";
import { RelayMachine } from "../../../src/manager/link/relay-machine.js";
import { MemoryProposer } from "../../../src/store/proposer.js";
import { Store } from "../../../src/store/store.js";
import { ManualClock } from "../manual-clock.js";

const INGRESS = "ingress";

/** Two nodes: one with a task on "shop", one with one on "shop" and one on "vault". */
class Bed {
  readonly store = new Store(new MemoryProposer(), new ManualClock());
  readonly machine = new RelayMachine();
  readonly gate = new LinkGate(this.machine);
  readonly heard = new Map<string, Set<string>>();

  static async start(): Promise<Bed> {
    const bed = new Bed();
    await bed.store.update((tx) => {
      for (const id of ["n1", "n2"])
        tx.create("node", Node.fromPartial({ id, attachments: [on(INGRESS, `10.0.0.${id.slice(1)}`)] }));
    });
    await bed.put(task("t1", "n1", { networks: [on("shop", "10.0.1.5")] }));
    await bed.put(task("t2", "n2", { networks: [on("shop", "10.0.1.6"), on("vault", "10.0.2.6")] }));
    for (const id of ["n1", "n2"]) bed.link(id);
    return bed;
  }

  link(nodeId: string): void {
    this.heard.set(nodeId, new Set());
    this.gate.linkUp(nodeId, this.scope(nodeId));
  }

  scope(nodeId: string) {
    return this.store.view((read) => nodeScope(read, nodeId, INGRESS));
  }

  async put(one: Task): Promise<void> {
    await this.store.update((tx) => {
      const known = tx.get("task", one.id);
      if (known) tx.update("task", { ...one, meta: known.meta });
      else tx.create("task", one);
    });
    for (const id of ["n1", "n2"]) this.gate.scopeChanged(id, this.scope(id));
  }

  publish(nodeId: string, ...endpoints: readonly Endpoint[]): void {
    this.gate.update(nodeId, { complete: false, endpoints, removedIds: [] });
  }

  /** What a node has been told of until now: ids of rows, "service/network" of services. */
  rowsOf(nodeId: string): readonly string[] {
    for (const { nodeId: to, message } of this.machine.flush()) {
      if (message.message?.$case !== "rows") continue;
      const { complete, endpoints, removedEndpointIds, services } = message.message.value;
      const heard = this.heard.get(to)!;
      if (complete) heard.clear();
      for (const id of removedEndpointIds) heard.delete(id);
      for (const { id } of endpoints) heard.add(id);
      for (const { serviceId, networkId } of services) heard.add(`${serviceId}/${networkId}`);
    }
    return [...this.heard.get(nodeId)!].sort();
  }
}

function on(networkId: string, address: string, ...more: readonly string[]) {
  return { network: { id: networkId }, addresses: [`${address}/24`, ...more] };
}

function task(id: string, nodeId: string, more: Parameters<typeof Task.fromPartial>[0]): Task {
  return Task.fromPartial({ id, nodeId, serviceId: `service-of-${id}`, status: { state: TaskState.RUNNING }, ...more });
}

function row(
  taskId: string,
  nodeId: string,
  networkId: string,
  address: string,
  more: Partial<Endpoint> = {},
): Endpoint {
  return Endpoint.fromPartial({
    id: `${taskId}/${networkId}`,
    nodeId,
    networkId,
    taskId,
    serviceId: `service-of-${taskId}`,
    address,
    mac: macFromAddress(address),
    revision: 1,
    ...more,
  });
}

test("a worker hears of no network but those that its own tasks are on, and ingress", async (t) => {
  const bed = await Bed.start();
  bed.publish("n2", row("t2", "n2", "shop", "10.0.1.6"), row("t2", "n2", "vault", "10.0.2.6"));
  bed.machine.serviceChanged("s", [ServiceRow.fromPartial({ serviceId: "s", networkId: "vault" })]);
  bed.machine.serviceChanged("web", [ServiceRow.fromPartial({ serviceId: "web", networkId: INGRESS })]);
  bed.gate.subscribe("n1", ["shop", "vault", INGRESS, "no such network"]);
  t.deepEqual(bed.rowsOf("n1"), ["t2/shop", "web/ingress"]);
  bed.publish("n2", row("t2", "n2", "vault", "10.0.2.6", { revision: 2 }));
  t.deepEqual(bed.rowsOf("n1"), ["t2/shop", "web/ingress"]);
});

test("a subscription that comes before its task is known takes effect with the task, and ends with it", async (t) => {
  const bed = await Bed.start();
  bed.gate.subscribe("n2", ["vault"]);
  bed.publish("n2", row("t2", "n2", "vault", "10.0.2.6"));
  bed.gate.subscribe("n1", ["shop", "vault"]);
  bed.publish("n1", row("late", "n1", "vault", "10.0.2.7"));
  t.deepEqual(bed.rowsOf("n1"), []);
  const late = task("late", "n1", { networks: [on("vault", "10.0.2.7")], status: { state: TaskState.ASSIGNED } });
  await bed.put(late);
  t.deepEqual(bed.rowsOf("n1"), ["late/vault", "t2/vault"], "its networks, and its row");
  t.deepEqual(bed.rowsOf("n2"), ["late/vault", "t2/vault"]);
  await bed.put({ ...late, status: { ...late.status!, state: TaskState.FAILED } });
  t.deepEqual(bed.rowsOf("n1"), []);
  t.deepEqual(bed.rowsOf("n2"), ["t2/vault"], "the row of a task that has ended is gone");
});

test("who hears that its row is everywhere has heard of the others' rows first", async (t) => {
  const bed = await Bed.start();
  bed.publish("n2", row("t2", "n2", "vault", "10.0.2.6"));
  bed.machine.flush();
  bed.gate.subscribe("n1", ["vault"]);
  bed.publish("n1", row("late", "n1", "vault", "10.0.2.7"));
  t.deepEqual(
    bed.machine.flush().map(({ message }) => message.message?.$case),
    ["rows"],
    "of no network",
  );
  await bed.put(task("late", "n1", { networks: [on("vault", "10.0.2.7")] }));
  const told = bed.machine.flush().filter(({ nodeId }) => nodeId === "n1");
  t.deepEqual(
    told.map(({ message }) => message.message?.$case),
    ["rows", "applied"],
  );
});

test("a worker publishes rows of its own tasks alone, with the addresses and services that the cluster gave them", async (t) => {
  const bed = await Bed.start();
  bed.gate.subscribe("n2", ["shop", "vault", INGRESS]);
  const own = row("t1", "n1", "shop", "10.0.1.5");
  const forged: readonly Endpoint[] = [
    row("t2", "n1", "shop", "10.0.1.6"),
    row("t1", "n1", "vault", "10.0.2.5"),
    row("nothing", "n1", "shop", "10.0.1.9"),
    { ...own, address: "10.0.1.6", mac: macFromAddress("10.0.1.6") },
    { ...own, mac: macFromAddress("10.0.1.6") },
    { ...own, serviceId: "service-of-t2" },
    { ...own, networkId: "vault" },
    { ...own, kind: EndpointKind.ENDPOINT_INGRESS_GATEWAY },
    row("n2", "n1", INGRESS, "10.0.0.2", { kind: EndpointKind.ENDPOINT_INGRESS_GATEWAY, taskId: "", serviceId: "" }),
    row("n1", "n1", INGRESS, "10.0.0.2", { kind: EndpointKind.ENDPOINT_INGRESS_GATEWAY, taskId: "", serviceId: "" }),
  ];
  for (const one of forged) {
    t.false(isOwnRow(bed.scope("n1"), one));
    bed.publish("n1", one);
    bed.gate.update("n1", { complete: true, endpoints: [one], removedIds: [] });
  }
  t.deepEqual(bed.rowsOf("n2"), []);
  const gateway = { kind: EndpointKind.ENDPOINT_INGRESS_GATEWAY, taskId: "", serviceId: "" };
  bed.publish("n1", own, row("n1", "n1", INGRESS, "10.0.0.1", gateway));
  t.deepEqual(bed.rowsOf("n2"), ["n1/ingress", "t1/shop"]);
});

test("of IPv6 a row says the address that the cluster gave, in one way to write it, or nothing", async (t) => {
  const bed = await Bed.start();
  bed.gate.subscribe("n2", ["shop", "vault"]);
  await bed.put(task("t3", "n1", { networks: [on("shop", "10.0.1.8", "fd00:1:0::0008/64"), on("vault", "10.0.2.8")] }));
  const scope = bed.scope("n1");
  const own = (networkId: string, address: string, address6: string) =>
    isOwnRow(scope, row("t3", "n1", networkId, address, { address6 }));
  t.true(own("shop", "10.0.1.8", "fd00:1::8"));
  t.true(own("shop", "10.0.1.8", ""), "an agent that knows no IPv6");
  for (const forged of ["fd00:1::9", "fd00:1:0::0008", "fd00:1::8/64", "::ffff:10.0.1.8", "10.0.1.8"]) {
    t.false(own("shop", "10.0.1.8", forged), forged);
  }
  t.true(own("vault", "10.0.2.8", ""));
  t.false(own("vault", "10.0.2.8", "fd00:1::8"), "a network without IPv6");
  bed.publish("n1", row("t3", "n1", "shop", "10.0.1.8", { address6: "fd00:1::9" }));
  t.deepEqual(bed.rowsOf("n2"), []);
});

test("what one node asks for and says over its link is bounded", async (t) => {
  const bed = await Bed.start();
  const networks = Array.from({ length: MAX_NETWORKS + 1 }, (_, at) => `net${at}`);
  t.throws(() => bed.gate.subscribe("n1", networks), { message: /^at most \d+ networks/ });
  t.throws(
    () =>
      bed.publish("n1", ...Array.from({ length: MAX_ROWS + 1 }, (_, at) => row(`x${at}`, "n1", "shop", "10.0.1.5"))),
    { message: /^at most \d+ rows/ },
  );
});
