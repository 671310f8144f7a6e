import test from "ava";
import { checkPropagation } from "../../../src/agent/network/host-mounts.js";

const line = (point: string, shared: boolean) => `1 2 0:1 / ${point} rw${shared ? " shared:5" : ""} - tmpfs tmpfs rw`;

test("names of namespaces have to reach the daemon's own mount namespace", (t) => {
  const check = (...lines: readonly string[]) => checkPropagation(lines.join("\n"));
  t.notThrows(() => check(line("/", true)));
  t.notThrows(() => check(line("/", false), line("/run", true)));
  t.notThrows(() => check(line("/", false), line("/run", false), line("/run/netns", true)));
  t.throws(() => check(line("/", true), line("/run", false)), { message: /mount --make-rshared \/run"/ });
  t.throws(() => check(line("/", false)), { message: /make-rshared \/"/ });
});
