/**
 * The data plane's Worker: everything that talks to the kernel synchronously runs here, so that DNS answers and heartbeats never
 * wait for it. Changes that arrive together go to the kernel together. Looks at everything are cut into pieces, one sandbox
 * each, so that a change never waits for a whole look.
 */
import { setPriority } from "node:os";
import { join } from "node:path";
import { parentPort, workerData } from "node:worker_threads";
import { isUnitProcess } from "../own-unit.js";
import { DataPlane } from "./data-plane.js";
import type { DataPlaneOptions, DataPlaneProblem, FromDataPlane, ToDataPlane } from "./data-plane-protocol.js";
import { GatewayAddresses } from "./gateway-addresses.js";
import { seeHostMounts } from "./host-mounts.js";
import { chooseBridgeSubnet, openKernel } from "./kernel.js";
import { observeNode } from "./observation.js";
import { threadCpuMs } from "./thread-cpu.js";

const RETRY_MS = 1000;
/**
 * A look may take this share of a core at most: on a full node looks come less often. What others on the host keep this thread
 * waiting for does not count.
 */
const LOOK_SHARE = 0.1;

/** A look waits until no change has come for so long, since a burst of changes needs the core, but not for longer than the other. */
const QUIET_MS = 500;
const LONGEST_DELAY_MS = 2000;

/** Nice value of this thread alone: where cores are scarce, answering names and heartbeats comes before programming the kernel. */
const NICE = 5;

const port = parentPort!;
const options = workerData as DataPlaneOptions;
const say = (message: FromDataPlane) => port.postMessage(message);

function start(): void {
  // On Linux a process id of 0 means the calling thread.
  setPriority(0, NICE);
  if (isUnitProcess()) seeHostMounts();
  const kernel = openKernel(options);
  const addresses = new GatewayAddresses(join(options.stateDir, "network", "gateway.json"), () =>
    chooseBridgeSubnet(options.bridgeName),
  );
  const plane = new DataPlane(options, kernel, addresses);
  let newest = 0;
  let scheduled = false;
  let lastFlush = 0;
  let pendingLook: string[] = [];
  let lookStarted = 0;
  let lookSpentMs = 0;
  let retryScheduled = false;

  const report = (problems: readonly DataPlaneProblem[]) => {
    for (const { place, text } of problems) say({ kind: "log", line: `data plane, ${place}: ${text}` });
  };

  const flush = () => {
    scheduled = false;
    const sequence = newest;
    const problems = plane.flush();
    lastFlush = performance.now();
    say({ kind: "done", sequence, problems });
    if (problems.length > 0) scheduleRetry();
  };

  const scheduleRetry = () => {
    if (retryScheduled) return;
    retryScheduled = true;
    setTimeout(() => {
      retryScheduled = false;
      report(plane.flush());
      if (plane.isDirty) scheduleRetry();
    }, RETRY_MS);
  };

  const timed = (work: () => readonly DataPlaneProblem[]) => {
    const started = threadCpuMs();
    report(work());
    lookSpentMs += threadCpuMs() - started;
  };

  const lookWhenQuiet = (dueSince = performance.now()) => {
    const now = performance.now();
    if (now - lastFlush > QUIET_MS || now - dueSince > LONGEST_DELAY_MS) beginLook();
    else setTimeout(lookWhenQuiet, QUIET_MS, dueSince);
  };

  const beginLook = () => {
    lookStarted = performance.now();
    lookSpentMs = 0;
    timed(() => plane.lookAtNode());
    pendingLook = [...plane.sandboxIds()];
    setImmediate(continueLook);
  };

  const continueLook = () => {
    const sandboxId = pendingLook.pop();
    if (sandboxId !== undefined) {
      timed(() => plane.lookAtSandbox(sandboxId));
      setImmediate(continueLook);
      return;
    }
    const restMs = Math.max(options.lookIntervalMs - (performance.now() - lookStarted), lookSpentMs / LOOK_SHARE);
    setTimeout(lookWhenQuiet, restMs);
  };

  port.on("message", (message: ToDataPlane) => {
    switch (message.kind) {
      case "change":
        plane.take(message.change);
        newest = message.sequence;
        if (!scheduled) {
          scheduled = true;
          setImmediate(flush);
        }
        return;
      case "observe":
        say({
          kind: "observed",
          sequence: message.sequence,
          result: observeNode(plane, kernel, message.request, options),
        });
        return;
      case "teardown":
        say({ kind: "done", sequence: message.sequence, problems: plane.teardown() });
    }
  });
  say({ kind: "ready", facts: { ...kernel.facts, gatewaySubnet: addresses.subnet } });
  setTimeout(lookWhenQuiet, options.lookIntervalMs);
}

try {
  start();
} catch (error) {
  say({ kind: "failed", error: error instanceof Error ? error.message : String(error) });
}
