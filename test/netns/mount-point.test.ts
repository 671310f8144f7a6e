import { readFileSync } from "node:fs";
import test from "ava";
import { mountState } from "../../netns/mount-point.js";
import { NAMESPACE_FOLDER } from "../../netns/namespace.js";
import { scratchNamespace } from "./scratch.js";

const ROOT = "27 1 254:0 / / rw,relatime shared:5 - ext4 /dev/vda rw";
const PRIVATE = "42 27 254:0 /run/netns /run/netns rw,relatime - ext4 /dev/vda rw";
const SHARED = "42 27 254:0 /run/netns /run/netns rw,relatime shared:1 - ext4 /dev/vda rw";
const SLAVE_AND_SHARED = "42 27 254:0 /run/netns /run/netns rw,relatime shared:7 master:3 - ext4 /dev/vda rw";
const BELOW = "43 42 0:4 net:[4026532177] /run/netns/one rw shared:2 - nsfs nsfs rw";

for (const [name, lines, state] of [
  ["no mount", [ROOT], "none"],
  ["mounts below do not count", [ROOT, BELOW], "none"],
  ["a private mount", [ROOT, PRIVATE, BELOW], "private"],
  ["a shared mount", [ROOT, SHARED, BELOW], "shared"],
  ["a shared mount that also receives", [ROOT, SLAVE_AND_SHARED], "shared"],
  ["the last of several is in sight", [ROOT, SHARED, PRIVATE], "private"],
] as const) {
  test(name, (t) => {
    t.is(mountState(`${lines.join("\n")}\n`, "/run/netns"), state);
  });
}

test("the folder of the namespaces is shared, and stays one mount", (t) => {
  const mounts = () =>
    readFileSync("/proc/thread-self/mountinfo", "utf8")
      .split("\n")
      .filter((line) => line.split(" ")[4] === NAMESPACE_FOLDER);
  scratchNamespace(t, "first");
  const before = mounts();
  scratchNamespace(t, "second");
  t.is(mountState(before.join("\n"), NAMESPACE_FOLDER), "shared");
  t.deepEqual(mounts(), before);
});
