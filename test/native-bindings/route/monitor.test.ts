import { Worker } from "node:worker_threads";
import test from "ava";
import { AF_BRIDGE } from "../../../native-bindings/libc.js";
import { NetlinkOverrunError } from "../../../native-bindings/netlink/errors.js";
import * as nb from "../../../native-bindings/route/index.js";
import { inNewNetworkNamespace } from "../../../native-bindings/thread-namespace.js";
import { kernelTest } from "../../kernel/kernel-test.js";
import { datagram, ScriptedKernel } from "../netlink/scripted-kernel.js";

kernelTest("notices of what changed, and nothing of what did not", { needs: ["vxlan"] }, (t) => {
  inNewNetworkNamespace(() => {
    using socket = nb.RouteSocket.open();
    using monitor = nb.RouteMonitor.open(["link", "neighbour", "address", "route", "rule"]);
    socket.execute(nb.setLink({ name: "lo" }, { up: true }));
    take(monitor);
    t.deepEqual(monitor.wait(0), []);

    socket.execute(
      nb.addLink({ kind: "vxlan", name: "vxlan0", index: 30, vxlan: { vni: 4096, port: 4789, learning: false } }),
    );
    t.true(take(monitor).some((one) => one.object === "link" && !one.removed && one.linkIndex === 30));
    socket.execute(nb.replaceFdbEntry({ linkIndex: 30, mac: "02:42:0a:00:01:05", tunnelAddress: "192.168.56.12" }));
    // Some kernels tell of an entry that replaces nothing twice.
    const entry = { object: "neighbour", removed: false, family: AF_BRIDGE, linkIndex: 30 } as const;
    const told = take(monitor);
    t.deepEqual(
      told,
      told.map(() => entry),
    );
    t.true(told.length > 0);
    socket.execute(nb.addAddress({ linkIndex: 1, address: "10.0.1.4", prefixLength: 32 }));
    t.true(take(monitor).some((one) => one.object === "address" && one.linkIndex === 1));
    socket.execute(nb.addRoute({ destination: "10.66.0.0/16", type: "blackhole" }));
    t.deepEqual(take(monitor), [{ object: "route", removed: false, family: 2 }]);
    socket.execute(nb.addRule({ mark: 1, table: 100, priority: 5 }));
    t.deepEqual(take(monitor), [{ object: "rule", removed: false, family: 2 }]);
    socket.execute(nb.deleteLink({ index: 30 }));
    t.true(take(monitor).some((one) => one.object === "link" && one.removed && one.linkIndex === 30));
  });
});

/** The kernel has queued its notices when the request returns. */
function take(monitor: nb.RouteMonitor): readonly nb.ChangeNotice[] {
  const notices = monitor.wait(1000);
  if (notices === "overrun") throw new Error("overrun");
  return notices;
}

test("only what was asked for is told", (t) => {
  inNewNetworkNamespace(() => {
    using socket = nb.RouteSocket.open();
    using monitor = nb.RouteMonitor.open(["rule"]);
    socket.execute(nb.setLink({ name: "lo" }, { up: true }));
    socket.execute(nb.addRule({ mark: 1, table: 100, priority: 5 }));
    t.deepEqual(take(monitor), [{ object: "rule", removed: false, family: 2 }]);
  });
});

test("lost notices are an overrun, and what comes after is told again", (t) => {
  let answers: (Buffer | Error)[] = [
    datagram(nb.rt.RTM_NEWLINK, 0, 0, Buffer.alloc(16)),
    new NetlinkOverrunError("full"),
    datagram(nb.rt.RTM_NEWRULE, 0, 0, Buffer.alloc(12)),
  ];
  const kernel = new ScriptedKernel(() => answers);
  const monitor = new nb.RouteMonitor(kernel);
  kernel.send(datagram(1, 0, 0, Buffer.alloc(0)));
  t.is(monitor.wait(0), "overrun");
  t.deepEqual(monitor.wait(0), [{ object: "rule", removed: false, family: 0 }]);
  t.deepEqual(monitor.wait(0), []);
  answers = [];
});

kernelTest("a monitor that nobody reads overruns for real", { needs: ["vxlan", "native-speed"] }, (t) => {
  inNewNetworkNamespace(() => {
    using socket = nb.RouteSocket.open();
    socket.execute(
      nb.addLink({ kind: "vxlan", name: "vxlan0", up: true, vxlan: { vni: 4096, port: 4789, learning: false } }),
    );
    const linkIndex = socket.linkIndex("vxlan0");
    using monitor = nb.RouteMonitor.open(["neighbour"]);
    const operations = Array.from({ length: 60_000 }, (_, count) =>
      nb.replaceFdbEntry({
        linkIndex,
        mac: `02:42:00:00:${hex(count >> 8)}:${hex(count & 255)}`,
        tunnelAddress: "192.0.2.1",
      }),
    );
    t.is(socket.executeAll(operations).size, 0);
    let [overruns, waits] = [0, 0];
    for (let notices = monitor.wait(0); notices.length > 0 && waits < 1000; notices = monitor.wait(0), waits++) {
      if (notices === "overrun") overruns++;
    }
    t.true(overruns > 0);
    socket.execute(nb.deleteFdbEntry({ linkIndex, mac: "02:42:00:00:00:00" }));
    t.deepEqual(monitor.wait(1000), [{ object: "neighbour", removed: true, family: AF_BRIDGE, linkIndex }]);
  });
});

function hex(byte: number): string {
  return byte.toString(16).padStart(2, "0");
}

test("a Worker that waits leaves the main thread free, and tells what comes", async (t) => {
  const route = new URL("../../../native-bindings/route/index.js", import.meta.url).href;
  const namespace = new URL("../../../native-bindings/thread-namespace.js", import.meta.url).href;
  const worker = new Worker(
    `const { parentPort } = require("node:worker_threads");
     (async () => {
       const nb = await import(${JSON.stringify(route)});
       const { inNewNetworkNamespace } = await import(${JSON.stringify(namespace)});
       const [monitor, socket] = inNewNetworkNamespace(() => [nb.RouteMonitor.open(["link"]), nb.RouteSocket.open()]);
       parentPort.once("message", () => {
         socket.execute(nb.setLink({ name: "lo" }, { up: true }));
         parentPort.postMessage(monitor.wait(5000));
         monitor.close();
         socket.close();
       });
       parentPort.postMessage("ready");
     })();`,
    { eval: true },
  );
  const answers: unknown[] = [];
  await new Promise<void>((resolve, reject) => {
    worker.on("error", reject);
    worker.on("exit", () => resolve());
    worker.on("message", (message) => {
      answers.push(message);
      if (message === "ready") worker.postMessage("go");
    });
  });
  t.is(answers[0], "ready");
  t.like((answers[1] as nb.ChangeNotice[])[0], { object: "link", linkIndex: 1, removed: false });
});
