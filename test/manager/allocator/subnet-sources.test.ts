import test from "ava";
import { Cluster } from "../../../src/api/generated/docker/swarmkit/v1/objects.js";
import { formatRange, includes, parseRange } from "../../../src/manager/allocator/ip-range.js";
import { subnetSources } from "../../../src/manager/bootstrap.js";
import { MemoryProposer } from "../../../src/store/proposer.js";
import { Store } from "../../../src/store/store.js";
import { ManualClock } from "../manual-clock.js";

async function sourcesOf(id: string) {
  const store = new Store(new MemoryProposer(), new ManualClock());
  const cluster = Cluster.fromPartial({ id, defaultAddressPool: ["10.0.0.0/8", "172.20.0.0/16"], subnetSize: 25 });
  await store.update((tx) => tx.create("cluster", cluster));
  return subnetSources(store).map(({ pool, subnetLength }) => ({
    pool,
    text: `${formatRange(pool)} /${subnetLength}`,
  }));
}

test("networks are cut from the cluster's pools, and from unique local addresses that follow from its id", async (t) => {
  const [first, second, six, ...more] = await sourcesOf("cluster1");
  t.deepEqual([first?.text, second?.text, more], ["10.0.0.0/8 /25", "172.20.0.0/16 /25", []]);
  t.true(includes(parseRange("fd00::/8")!, six!.pool));
  t.regex(six!.text, /\/48 \/64$/);
  t.is((await sourcesOf("cluster1"))[2]?.text, six?.text, "every leader finds the same");
  t.not((await sourcesOf("cluster2"))[2]?.text, six?.text);
});
