/** Ends a node's tasks and takes its networks out of the kernel, while neither agent nor manager runs. */
import { ProcessExecutor } from "../agent/executor/process/process-executor.js";
import { DataPlaneClient } from "../agent/network/data-plane-client.js";
import { BRIDGE_NAME } from "./agent.js";
import { removeRunFolder, runFolder } from "./run-folder.js";

/** What the node is in its cluster stays: a daemon that starts later goes on with it. */
export async function clearHost(stateDir: string, nodeId: string, log: (line: string) => void): Promise<void> {
  const runDir = runFolder(nodeId);
  const executor = new ProcessExecutor({ stateDir, runDir, nodeId, log });
  const taskIds = await executor.list();
  await Promise.all(taskIds.map((id) => executor.purge(id)));
  await executor.stop();
  const { client } = await DataPlaneClient.start(
    {
      nodeId,
      stateDir,
      vxlanPort: 4789,
      underlayMtu: 1500,
      bridgeName: BRIDGE_NAME,
      loadBalancer: "auto",
      packetFilter: "auto",
      lookIntervalMs: 2 ** 30,
    },
    log,
    (error) => log(error.message),
  );
  await client.teardown();
  await client.stop();
  removeRunFolder(nodeId);
}
