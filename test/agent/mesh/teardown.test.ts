/** A node's data plane that is taken down, on the real kernel. */
import { existsSync } from "node:fs";
import { sandboxNamespace } from "../../../overlay/names.js";
import type { LocalTask } from "../../../src/agent/network/local-task.js";
import { kernelTest } from "../../kernel/kernel-test.js";
import { withMeshHosts } from "./mesh-hosts.js";

const TASK: LocalTask = {
  id: "alone",
  name: "alone",
  slot: 1,
  serviceId: "alone",
  serviceName: "alone",
  hostname: "alone",
  attachments: [],
  ingressPorts: [],
  hostPorts: [],
};

kernelTest(
  "what was taken down is not made again, whatever is asked for before the end",
  { needs: ["load-balancer", "packet-filter"] },
  async (t) => {
    await withMeshHosts(t, "t", 1, async ({ hosts: [host] }) => {
      const exists = () => existsSync(`/run/netns/${sandboxNamespace(host!.nodeId, TASK.id)}`);
      await host!.change({ kind: "restored" }, { kind: "task", task: TASK });
      t.true(exists());
      await host!.teardown();
      t.false(exists());
      await host!.change({ kind: "task", task: TASK });
      t.false(exists());
    });
  },
);
