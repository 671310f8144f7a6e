import { NetlinkError } from "../../native-bindings/netlink/errors.js";
import { RouteSocket } from "../../native-bindings/route/index.js";
import { createNamespace, inNamespace, removeNamespace } from "../../netns/namespace.js";
import { apply } from "../../overlay/apply.js";
import type { Step } from "../../overlay/steps.js";
import { kernelTest } from "../kernel/kernel-test.js";
import { testNamespace } from "../kernel/sandbox-name.js";
import { run } from "./host-bed.js";

kernelTest(
  "an IPv6 address that was added is the kernel's own when apply returns",
  { needs: ["ipv6", "bridge"] },
  (t) => {
    const place = testNamespace("usable");
    const namespace = createNamespace(place);
    t.teardown(() => removeNamespace(place));
    t.teardown(() => namespace.close());
    run("ip", "-n", place, "link", "add", "eth0", "type", "veth", "peer", "name", "port0");
    for (const link of ["eth0", "port0"]) run("ip", "-n", place, "link", "set", link, "up");
    using socket = inNamespace(namespace.fd, () => RouteSocket.open());
    t.is(
      t.throws(() => socket.routeTo({ destination: "fd00:78::1" }), { instanceOf: NetlinkError }).code,
      "ENETUNREACH",
    );
    for (let round = 0; round < 50; round++) {
      const destination = `fd00:77::${(round + 1).toString(16)}`;
      const object = { kind: "address", link: "eth0", prefix: `${destination}/64` } as const;
      const steps: readonly Step[] = [{ kind: "replace-address", place, object }];
      t.deepEqual(apply(steps, "usable").failures, []);
      t.is(socket.routeTo({ destination }).type, "local", destination);
    }
  },
);
