/** A node's data plane that is taken down, on the real kernel. */
import { existsSync } from "node:fs";
import { sandboxNamespace } from "../../../overlay/names.js";
import type { LocalTask } from "../../../src/agent/network/local-task.js";
import { kernelTest } from "../../kernel/kernel-test.js";
import { MeshHosts } from "./mesh-hosts.js";

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
    t.timeout(120_000);
    const hosts = await MeshHosts.start(`t${process.pid % 10000}`, 1);
    try {
      const [host] = hosts.hosts;
      const exists = () => existsSync(`/run/netns/${sandboxNamespace(host!.nodeId, TASK.id)}`);
      await host!.change({ kind: "restored" }, { kind: "task", task: TASK });
      t.true(exists());
      await host!.teardown();
      t.false(exists());
      await host!.change({ kind: "task", task: TASK });
      t.false(exists());
    } finally {
      await hosts.end();
    }
  },
);
