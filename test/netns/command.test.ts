import { readlinkSync } from "node:fs";
import test from "ava";
import { inNamespace, namespaceArguments, runInNamespace } from "../../netns/index.js";
import { testNamespace } from "../kernel/sandbox-name.js";
import { scratchNamespace } from "./scratch.js";

test("a program sees the namespace, and its output and status come back", async (t) => {
  const namespace = scratchNamespace(t, "command");
  const { stdout } = await runInNamespace(namespace.name, "readlink", ["/proc/self/ns/net"]);
  t.is(
    stdout,
    inNamespace(namespace, () => readlinkSync("/proc/thread-self/ns/net")),
  );
  const failed = await runInNamespace(namespace.name, "sh", ["-c", "exit 7"], { reject: false });
  t.is(failed.exitCode, 7);
});

test("arguments that look like options go to the program", async (t) => {
  const { name } = scratchNamespace(t, "options");
  const { stdout } = await runInNamespace(name, "echo", ["--net=/x", "-r"]);
  t.is(stdout, "--net=/x -r");
  t.deepEqual(namespaceArguments("tsw-a", "ip", ["-4", "addr"]), ["--net=/run/netns/tsw-a", "--", "ip", "-4", "addr"]);
});

test("a namespace that is not there is an error that names it", async (t) => {
  const name = testNamespace("none");
  await t.throwsAsync(async () => runInNamespace(name, "true"), { message: new RegExp(name) });
});
