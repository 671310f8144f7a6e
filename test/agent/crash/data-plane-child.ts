/**
 * A data plane that the crash test starts in a namespace and kills.
 * usage: data-plane-child.js NODE_ID STATE_DIR SEED finish|run
 * `run` goes from state to state until it is killed; `finish` goes to the state of SEED and prints what differs from it then.
 */

import { DataPlaneClient } from "../../../src/agent/network/data-plane-client.js";
import { ItemState } from "../../../src/api/generated/tswarm/v1/link.js";
import { changesTo, randomState } from "./random-state.js";

const [nodeId = "", stateDir = "", seedText = "", mode = "run"] = process.argv.slice(2);
const seed = Number(seedText);

const { client } = await DataPlaneClient.start(
  {
    nodeId,
    stateDir,
    vxlanPort: 4789,
    underlayMtu: 1500,
    bridgeName: "tswarm0",
    loadBalancer: "auto",
    packetFilter: "auto",
    lookIntervalMs: 60_000,
  },
  (line) => process.stderr.write(`${line}\n`),
  (error) => {
    process.stderr.write(`${error.message}\n`);
    process.exit(1);
  },
);

let known = new Set<string>();
async function goTo(step: number): Promise<void> {
  const state = randomState(step, nodeId);
  await Promise.all(changesTo(state, known).map((change) => client.change(change)));
  known = new Set(state.tasks.map((task) => task.id));
}

process.stdout.write("started\n");
if (mode === "finish") {
  const first = goTo(seed);
  const problems = await client.change({ kind: "restored" });
  await first;
  const { items } = await client.observe({ requestId: 1, networkId: "", serviceId: "" });
  const drifted = items.filter((item) => item.state !== ItemState.ITEM_PRESENT);
  process.stdout.write(`${JSON.stringify({ problems, drifted, items: items.length })}\n`);
  await client.stop();
} else if (mode === "teardown") {
  await client.change({ kind: "restored" });
  await client.teardown();
  await client.stop();
} else {
  const restored = client.change({ kind: "restored" });
  for (let step = seed; ; step++) {
    await goTo(step);
    await restored;
  }
}
