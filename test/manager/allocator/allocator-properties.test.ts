/** Whatever happens to the objects, and whenever the leader changes: what is given out is checked at each commit. */
import test from "ava";
import fc from "fast-check";
import { Node } from "../../../src/api/generated/docker/swarmkit/v1/objects.js";
import { TaskState } from "../../../src/api/generated/docker/swarmkit/v1/types.js";
import { isOver } from "../../../src/manager/task-life.js";
import type { StoreReader } from "../../../src/store/reader.js";
import type { Transaction } from "../../../src/store/transaction.js";
import { Ledger } from "./ledger.js";
import { attachmentTask, DOCKER, end, network, ports, service, TSWARM, task, World } from "./world.js";

const KINDS = [
  ...([
    "task",
    "task",
    "task",
    "assign",
    "assign",
    "attach",
    "end",
    "end",
    "remove",
    "service",
    "remove-service",
  ] as const),
  ...(["network", "remove-network", "node", "remove-node", "restart", "restart", "time"] as const),
];

const step = fc.record({
  kind: fc.constantFrom(...KINDS),
  pick: fc.nat({ max: 8 }),
  count: fc.integer({ min: 1, max: 4 }),
  /** How often the log is busy when the allocator writes what follows from it. */
  refusals: fc.constantFrom(0, 0, 0, 1, 2),
});

type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;

test("nothing is held twice, what came back rests, nodes have what they wait for, and in the end all is free", async (t) => {
  const run = fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 50 }), async (steps) => {
      const world = new World(t);
      const ledger = new Ledger(world.store, world.clock);
      await world.change((tx) => {
        tx.create("network", network("ingress", { ingress: true, ipam: { configs: [{ subnet: "10.0.0.0/27" }] } }));
        tx.create("network", network("small", { ipam: { configs: [{ subnet: "10.0.1.0/28" }] } }));
        tx.create("network", network("both", { ipv6Enabled: true }));
      });
      world.start();
      let serial = 0;
      for (const one of steps) {
        if (one.kind === "restart") await world.restart();
        else if (one.kind === "time") world.clock.advance(one.count * 20_000);
        else if (one.refusals > 0) await world.changeBusily((tx) => act(tx, one, () => ++serial), one.refusals);
        else await world.change((tx) => act(tx, one, () => ++serial));
        await world.idle();
        if (ledger.wrong.length > 0) throw new Error(ledger.wrong.join("; "));
        world.store.view(checkNodes);
        world.store.view(checkReasons);
      }
      await world.change((tx) => {
        for (const { id } of tx.all("task")) tx.remove("task", id);
        for (const { id } of tx.all("service")) tx.remove("service", id);
        for (const { id } of tx.all("node")) tx.remove("node", id);
      });
      if (ledger.heldCount > 0) throw new Error(`${ledger.heldCount} are still held`);
      world.clock.advance(60_000);
      // All that can be had of the small network is there.
      await world.change((tx) => {
        for (let i = 0; i < 13; i++) tx.create("task", attachmentTask(`last${i}`, "", "small"));
      });
      const last = world.store.view((read) => read.all("task").filter(({ networks }) => networks.length > 0));
      if (last.length !== 13) throw new Error(`${13 - last.length} addresses are lost`);
      await world.stop();
    }),
    { numRuns: 150 },
  );
  await t.notThrowsAsync(run);
});

function act(tx: Transaction, { kind, pick, count }: Step, serial: () => number): void {
  const some = <T>(all: readonly T[]) =>
    all.slice(pick % Math.max(1, all.length), (pick % Math.max(1, all.length)) + count);
  const networks = tx.all("network").filter(({ spec }) => !spec?.ingress);
  const services = tx.all("service");
  const [node] = some(tx.all("node"));
  switch (kind) {
    case "network":
      if (networks.length < 6) tx.create("network", network(`net${serial()}`, { ipv6Enabled: pick % 3 === 0 }));
      break;
    case "remove-network":
      for (const { id } of some(networks).slice(0, 1)) {
        const isUsed = tx.find("service", "network", id).length + tx.find("task", "network", id).length > 0;
        if (id.startsWith("net") && !isUsed) tx.remove("network", id);
      }
      break;
    case "node":
      tx.create("node", Node.fromPartial({ id: `node${serial()}`, description: pick % 2 ? DOCKER : TSWARM }));
      break;
    case "remove-node":
      if (!node) break;
      for (const { id } of tx.find("task", "node", node.id)) end(tx, id, TaskState.ORPHANED);
      tx.remove("node", node.id);
      break;
    case "service": {
      const ids = some(networks).map(({ id }) => id);
      tx.create("service", service(`s${serial()}`, ids, { endpoint: ports(...(pick % 2 ? [0] : [])) }));
      break;
    }
    case "remove-service":
      for (const { id } of some(services).slice(0, 1)) tx.remove("service", id);
      break;
    case "task":
      for (const one of some(services)) {
        tx.create(
          "task",
          task(
            `t${serial()}`,
            one.id,
            one.spec!.task!.networks.map(({ target }) => target),
          ),
        );
      }
      break;
    case "assign": {
      const pending = tx.all("task").filter(({ status }) => status?.state === TaskState.PENDING);
      for (const one of node ? some(pending) : []) {
        tx.update("task", { ...one, nodeId: node!.id, status: { ...one.status!, state: TaskState.RUNNING } });
      }
      break;
    }
    case "attach":
      if (node) tx.create("task", attachmentTask(`a${serial()}`, node.id, "small", `10.0.1.${pick}`));
      break;
    case "end":
      for (const { id } of some(tx.all("task"))) end(tx, id);
      break;
    case "remove":
      for (const { id } of some(tx.all("task"))) tx.remove("task", id);
      break;
    default:
  }
}

/** A node has an address on each network that it waits for, and on no other; only the small networks may have none left. */
function checkNodes(read: StoreReader): void {
  for (const node of read.all("node")) {
    const wanted = new Set(["ingress"]);
    if (node.description?.engine?.engineVersion === "28.5.2") {
      const tasks = read.find("task", "node", node.id).filter((one) => !isOver(one));
      for (const { networks } of tasks) for (const { network: one } of networks) wanted.add(one!.id);
    }
    const present = node.attachments.map(({ network: one }) => one!.id);
    const surplus = present.filter((id) => !wanted.has(id));
    const missing = [...wanted].filter((id) => !present.includes(id) && id !== "small" && id !== "ingress");
    if (surplus.length + missing.length > 0 || new Set(present).size < present.length) {
      throw new Error(`${node.id} has ${present}, and wants ${[...wanted]}`);
    }
  }
}

/** All networks have what they need, and a task that waits says why. */
function checkReasons(read: StoreReader): void {
  const network = read.all("network").find(({ ipam }) => !ipam);
  if (network) throw new Error(`${network.id} has no subnet`);
  const silent = read.all("task").find((one) => one.status?.state === TaskState.NEW && one.status.err === "");
  // A task of a service that is gone has nothing to wait for.
  const isOrphan = silent && silent.serviceId !== "" && !read.get("service", silent.serviceId);
  if (silent && !isOrphan) throw new Error(`${silent.id} does not say why it waits`);
}
