/** Programs 5,000 services cold, again and again, in a namespace of its own, until the Worker is ended: what a data plane does at its busiest. */
import { setPriority } from "node:os";
import { parentPort, workerData } from "node:worker_threads";
import { chooseLoadBalancer } from "../ipvs/choose.js";
import { closePending } from "../ipvs/deferred-close.js";
import type { VirtualService } from "../ipvs/load-balancer.js";
import { inNamespace, openNamespace } from "../netns/index.js";

const SERVICES = 5000;

// As the data plane's own Worker.
setPriority(5);

using namespace = openNamespace((workerData as { readonly namespace: string }).namespace);
const driver = chooseLoadBalancer();
if (driver.name === "none") throw new Error("no load balancer works here");
const services: readonly VirtualService[] = Array.from({ length: SERVICES }, (_, index) => ({
  id: `service${index}/bench`,
  mark: 256 + index,
  virtual: { address: `10.89.${index >> 8}.${index & 255}`, sourceAddress: "127.0.0.1" },
  published: [],
  destinations: [1, 2, 3].map((host) => ({ address: `10.9${host}.${index >> 8}.${index & 255}`, weight: 1 })),
}));
for (;;) {
  inNamespace(namespace, () => {
    const balancer = driver.create();
    balancer.apply(services);
    balancer.clear();
  });
  closePending();
  parentPort!.postMessage("programmed");
  await new Promise((next) => setImmediate(next));
}
