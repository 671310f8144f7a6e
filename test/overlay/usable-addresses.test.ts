import type { ExecutionContext } from "ava";
import { NetlinkError } from "../../native-bindings/netlink/errors.js";
import { RouteSocket } from "../../native-bindings/route/index.js";
import { createNamespace, inNamespace, openNamespace, removeNamespace } from "../../netns/namespace.js";
import { apply } from "../../overlay/apply.js";
import type { Step } from "../../overlay/steps.js";
import { kernelTest } from "../kernel/kernel-test.js";
import { testNamespace } from "../kernel/sandbox-name.js";
import { run } from "./host-bed.js";

kernelTest(
  "an IPv6 address that was added is the kernel's own when apply returns",
  { needs: ["ipv6", "bridge"] },
  (t) => {
    const place = makePlace(t);
    using namespace = openNamespace(place);
    using socket = inNamespace(namespace, () => RouteSocket.open());
    t.is(
      t.throws(() => socket.routeTo({ destination: "fd00:78::1" }), { instanceOf: NetlinkError }).code,
      "ENETUNREACH",
    );
    for (let round = 0; round < 50; round++) {
      const destination = `fd00:77::${(round + 1).toString(16)}`;
      t.deepEqual(apply(adding(place, destination), "usable"), { done: 1, failures: [] });
      t.is(socket.routeTo({ destination }).type, "local", destination);
    }
  },
);

kernelTest("an IPv6 address whose packets do not arrive is told", { needs: ["ipv6", "bridge"] }, (t) => {
  const place = makePlace(t);
  // In the place of the rule that leads to the local addresses.
  run("ip", "-n", place, "-6", "rule", "add", "pref", "1", "prohibit");
  run("ip", "-n", place, "-6", "rule", "del", "pref", "0");
  const { done, failures } = apply(adding(place, "fd00:77::1"), "usable");
  t.is(done, 0);
  t.deepEqual(
    failures.map(({ text }) => text.replace(place, "PLACE")),
    ["set address fd00:77::1/64 dev eth0 in PLACE: the kernel has it, and still drops packets to it"],
  );
});

/** A namespace with a link that is up. */
function makePlace(t: ExecutionContext): string {
  const place = testNamespace("usable");
  createNamespace(place).close();
  t.teardown(() => removeNamespace(place));
  run("ip", "-n", place, "link", "add", "eth0", "type", "veth", "peer", "name", "port0");
  for (const link of ["eth0", "port0"]) run("ip", "-n", place, "link", "set", link, "up");
  return place;
}

function adding(place: string, address: string): readonly Step[] {
  return [{ kind: "replace-address", place, object: { kind: "address", link: "eth0", prefix: `${address}/64` } }];
}
