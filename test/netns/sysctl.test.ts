import { readFileSync } from "node:fs";
import test from "ava";
import { readSysctl, readSysctls, sysctlFile, writeSysctl, writeSysctls } from "../../netns/index.js";
import { scratchNamespace } from "./scratch.js";

test("a setting is the namespace's own", (t) => {
  const [one, other] = [scratchNamespace(t, "one"), scratchNamespace(t, "other")];
  const path = "net/ipv4/conf/all/arp_ignore";
  const home = readFileSync(sysctlFile(path), "utf8");
  writeSysctl(one, path, 2);
  writeSysctl(other, path, "1");
  t.is(readSysctl(one, path), "2");
  t.is(readSysctl(other.fd, path), "1");
  t.is(readFileSync(sysctlFile(path), "utf8"), home);
});

test("several in one visit", (t) => {
  const namespace = scratchNamespace(t, "several");
  writeSysctls(namespace, { "net/ipv4/ip_forward": 1, "net/ipv4/ip_local_port_range": "20000 21000" });
  t.deepEqual(readSysctls(namespace, ["net/ipv4/ip_forward", "net/nosuch/setting", "net/ipv4/ip_local_port_range"]), [
    "1",
    undefined,
    "20000\t21000",
  ]);
});

test("what the kernel has not, or does not take, is an error of the write", (t) => {
  const namespace = scratchNamespace(t, "errors");
  t.throws(() => writeSysctl(namespace, "net/nosuch/setting", 1), { code: "ENOENT" });
  t.throws(() => writeSysctl(namespace, "net/ipv4/ip_forward", "maybe"), { code: "EINVAL" });
  t.is(readSysctl(namespace, "net/nosuch/setting"), undefined);
});

test("paths stay below /proc/sys", (t) => {
  t.is(sysctlFile("net/ipv4/ip_forward"), "/proc/sys/net/ipv4/ip_forward");
  for (const path of ["", "/net", "net//ipv4", "net/../../self/mem", "./net", "net/"]) {
    t.throws(() => sysctlFile(path), { instanceOf: RangeError });
  }
});
