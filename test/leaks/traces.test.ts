import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { createNamespace, namespaceArguments, removeNamespace } from "../../netns/index.js";
import { kernelTest } from "../kernel/kernel-test.js";
import { testNamespace } from "../kernel/sandbox-name.js";
import { processesOf, tracesOnMachine } from "./traces.js";

const needs = ["network-namespaces"] as const;

kernelTest("namespaces and folders that stay behind are seen", { needs }, (t) => {
  const name = testNamespace("leak");
  createNamespace(name).close();
  t.teardown(() => removeNamespace(name));
  const folder = mkdtempSync(`${tmpdir()}/tswarm-leak-`);
  t.teardown(() => rmdirSync(folder));
  const seen = tracesOnMachine();
  t.true(seen.includes(`network namespace ${name}`));
  t.true(seen.includes(`mount /run/netns/${name}`));
  t.true(seen.includes(`folder ${folder}`));
  t.true(seen.includes("link lo in the machine's own namespace"));
});

kernelTest("processes that stay behind are seen: by their mark, or by their namespace", { needs }, async (t) => {
  const mark = `leak-${process.pid}`;
  const name = testNamespace("leak");
  createNamespace(name).close();
  t.teardown(() => removeNamespace(name));
  const started = [
    spawn("cat", [], { env: { ...process.env, TSWARM_TEST_RUN: mark }, stdio: "pipe" }),
    spawn("nsenter", namespaceArguments(name, "cat", ["-"]), { env: {}, stdio: "pipe" }),
  ];
  t.teardown(() => {
    for (const one of started) one.kill("SIGKILL");
  });
  // They run when they answer.
  for (const one of started) {
    one.stdin!.write("here");
    await once(one.stdout!, "data");
  }
  const seen = processesOf(mark);
  t.true(seen.includes(`process ${started[0]!.pid}: cat`));
  t.true(seen.includes(`process ${started[1]!.pid} in another network namespace: cat -`));
});
