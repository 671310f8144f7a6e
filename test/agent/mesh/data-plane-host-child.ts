/**
 * A data plane that a test drives by lines of JSON: a change or a question in, the answer out.
 * usage: data-plane-host-child.js NODE_ID STATE_DIR [LOAD_BALANCER]
 */
import { createInterface } from "node:readline";
import { DataPlaneClient } from "../../../src/agent/network/data-plane-client.js";
import type { DataPlaneChange, LoadBalancerChoice } from "../../../src/agent/network/data-plane-protocol.js";

const [nodeId = "", stateDir = "", loadBalancer = "auto"] = process.argv.slice(2);
const { client, facts } = await DataPlaneClient.start(
  {
    nodeId,
    stateDir,
    vxlanPort: 4789,
    underlayMtu: 1500,
    bridgeName: "tswarm0",
    loadBalancer: loadBalancer as LoadBalancerChoice,
    packetFilter: "auto",
    lookIntervalMs: 3000,
  },
  (line) => process.stderr.write(`${nodeId}: ${line}\n`),
  (error) => {
    process.stderr.write(`${nodeId}: ${error.message}\n`);
    process.exit(1);
  },
);

async function answer(line: string): Promise<unknown> {
  const question = JSON.parse(line) as DataPlaneChange | { kind: "observe" } | { kind: "teardown" };
  if (question.kind === "observe") return client.observe({ requestId: 1, networkId: "", serviceId: "" });
  if (question.kind === "teardown") {
    await client.teardown();
    return [];
  }
  return client.change(question);
}

process.stdout.write(`${JSON.stringify(facts)}\n`);
for await (const line of createInterface({ input: process.stdin })) {
  // The next question may come before this answer; answers keep the order of the questions.
  process.stdout.write(`${JSON.stringify(await answer(line))}\n`);
}
await client.stop();
