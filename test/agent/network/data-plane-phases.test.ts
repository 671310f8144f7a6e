/** When a data plane may touch the kernel at all: not before it knows what an earlier run left, and never after it was taken down. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { DataPlane } from "../../../src/agent/network/data-plane.js";
import { GatewayAddresses } from "../../../src/agent/network/gateway-addresses.js";
import type { KernelPort } from "../../../src/agent/network/kernel-port.js";
import type { LocalTask } from "../../../src/agent/network/local-task.js";

const TASK: LocalTask = {
  id: "one",
  name: "one",
  slot: 1,
  serviceId: "web",
  serviceName: "web",
  hostname: "one",
  attachments: [],
  ingressPorts: [],
  hostPorts: [],
};

/** A kernel that holds sandboxes and nothing else; an earlier run left "earlier" in it. */
function planeOver(t: ExecutionContext) {
  const folder = mkdtempSync(join(tmpdir(), "tswarm-phases-"));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const held = new Set(["earlier"]);
  const kernel: KernelPort = {
    facts: {
      loadBalancer: "none",
      loadBalancerReasons: [],
      packetFilter: "none",
      packetFilterReasons: [],
      hasIpv6: false,
      balancesIpv6: false,
      underlayMtu: 1500,
    },
    canIsolatePorts: () => true,
    overlay: {
      extend: ({ sandboxes }) => {
        for (const { id } of sandboxes) held.add(id);
        return [];
      },
      trim: ({ sandboxes }) => {
        for (const id of held) if (!sandboxes.some((sandbox) => sandbox.id === id)) held.delete(id);
        return [];
      },
      observe: () => [],
      removeAll: () => {
        held.clear();
        return [];
      },
    },
    loadBalancer: () => undefined,
    inside: (_, work) => work(),
    forgetUdpFlows: () => {},
  };
  const options = {
    nodeId: "node",
    stateDir: folder,
    vxlanPort: 4789,
    underlayMtu: 1500,
    bridgeName: "tswarm0",
    loadBalancer: "auto",
    packetFilter: "auto",
    lookIntervalMs: 1000,
  } as const;
  const addresses = new GatewayAddresses(join(folder, "gateway.json"), () => "172.31.0.0/16");
  return { plane: new DataPlane(options, kernel, addresses), held };
}

test("a look that comes before an earlier run's tasks are known takes none of them away", (t) => {
  const { plane, held } = planeOver(t);
  plane.lookAtNode();
  plane.flush();
  t.deepEqual([...held], ["earlier"]);
  plane.take({ kind: "task", task: { ...TASK, id: "earlier" } });
  plane.take({ kind: "task", task: TASK });
  plane.lookAtNode();
  t.deepEqual([...held], ["earlier"]);
  plane.take({ kind: "restored" });
  plane.flush();
  t.deepEqual([...held].sort(), ["earlier", "one"]);
  plane.take({ kind: "task-gone", taskId: "earlier" });
  plane.lookAtNode();
  t.deepEqual([...held], ["one"]);
});

test("what was taken down is made again neither by a change nor by a look", (t) => {
  const { plane, held } = planeOver(t);
  plane.take({ kind: "restored" });
  plane.take({ kind: "task", task: TASK });
  plane.flush();
  t.deepEqual([...held], ["one"]);
  plane.teardown();
  plane.take({ kind: "task", task: { ...TASK, id: "two" } });
  plane.take({ kind: "restored" });
  t.false(plane.isDirty);
  plane.flush();
  plane.lookAtNode();
  t.deepEqual([...held], []);
});
