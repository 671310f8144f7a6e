import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync, rmdirSync, writeFileSync } from "node:fs";
import { Worker } from "node:worker_threads";
import test from "ava";
import { MS_BIND, mount } from "../../native-bindings/libc.js";
import { RouteSocket } from "../../native-bindings/route/index.js";
import {
  createNamespace,
  ensureNamespace,
  inNamespace,
  listNamespaces,
  NamespaceError,
  namespaceExists,
  namespacePath,
  openNamespace,
  removeNamespace,
} from "../../netns/index.js";
import { testNamespace } from "../kernel/sandbox-name.js";
import { scratchNamespace } from "./scratch.js";

const here = () => readlinkSync("/proc/thread-self/ns/net");
const HOME = here();
const MODULE = new URL("../../netns/index.js", import.meta.url).href;

function mountsOf(name: string): number {
  const mountInfo = readFileSync("/proc/thread-self/mountinfo", "utf8");
  return mountInfo.split("\n").filter((line) => line.split(" ")[4] === namespacePath(name)).length;
}

test("a namespace is made with its loopback up, found, opened, and leaves nothing", (t) => {
  const name = testNamespace("life");
  t.teardown(() => removeNamespace(name));
  t.false(namespaceExists(name));
  const made = createNamespace(name);
  t.is(here(), HOME);
  t.true(namespaceExists(name));
  t.deepEqual(listNamespaces(name), [name]);
  t.is(mountsOf(name), 1);
  const inode = inNamespace(made, here);
  t.not(inode, HOME);
  const opened = openNamespace(name);
  t.is(inNamespace(opened, here), inode);
  inNamespace(opened, () => {
    using socket = RouteSocket.open();
    t.like(socket.link({ name: "lo" }), { up: true });
  });
  opened.close();
  opened.close();
  made.close();
  t.true(removeNamespace(name));
  t.false(removeNamespace(name));
  t.false(existsSync(namespacePath(name)));
  t.is(mountsOf(name), 0);
});

test.serial("no descriptor stays open behind a life", (t) => {
  const name = testNamespace("descriptors");
  const life = () => {
    createNamespace(name).close();
    openNamespace(name).close();
    removeNamespace(name);
    return readdirSync("/proc/self/fd").length;
  };
  const before = life();
  t.is(life(), before);
});

test("a name that is taken is refused, and what has it stays", (t) => {
  const { name } = scratchNamespace(t, "taken");
  const error = t.throws(() => createNamespace(name), { instanceOf: NamespaceError });
  t.is(error.code, "EEXIST");
  t.true(error.message.startsWith(`create network namespace ${name}: `), error.message);
  t.true(namespaceExists(name));
  t.notThrows(() => ensureNamespace(name).close());
});

test("one that is not there cannot be opened", (t) => {
  const error = t.throws(() => openNamespace(testNamespace("none")), { instanceOf: NamespaceError });
  t.is(error.code, "ENOENT");
});

test("a half-made one (a plain file) is none, can be listed, made whole, and removed", (t) => {
  const name = testNamespace("half");
  t.teardown(() => removeNamespace(name));
  scratchNamespace(t, "folder");
  writeFileSync(namespacePath(name), "");
  t.false(namespaceExists(name));
  t.deepEqual(listNamespaces(name), [name]);
  t.is(t.throws(() => openNamespace(name), { instanceOf: NamespaceError }).code, "ENOENT");
  t.true(removeNamespace(name));
  writeFileSync(namespacePath(name), "");
  createNamespace(name).close();
  t.true(namespaceExists(name));
});

test("a name that was mounted over several times is removed whole", (t) => {
  const { name } = scratchNamespace(t, "twice");
  mount("/proc/thread-self/ns/net", namespacePath(name), null, MS_BIND);
  t.is(mountsOf(name), 2);
  t.true(removeNamespace(name));
  t.is(mountsOf(name), 0);
});

test("when it cannot be made, the thread is at home and nothing of ours stays", (t) => {
  const name = testNamespace("folder");
  scratchNamespace(t, "parent");
  mkdirSync(namespacePath(name));
  t.teardown(() => rmdirSync(namespacePath(name)));
  t.is(t.throws(() => createNamespace(name), { instanceOf: NamespaceError }).code, "EISDIR");
  t.is(here(), HOME);
  t.is(mountsOf(name), 0);
});

test("names that lead elsewhere are refused", (t) => {
  for (const name of ["", ".", "..", "../etc", "a/b", ".hidden", "a b"]) {
    t.throws(() => namespacePath(name), { instanceOf: RangeError });
  }
});

test("the thread is home after an exception, after a promise, and after nested visits", async (t) => {
  const [outer, inner] = [scratchNamespace(t, "outer"), scratchNamespace(t, "inner")];
  t.throws(
    () =>
      inNamespace(outer, () => {
        throw new Error("inside");
      }),
    { message: "inside" },
  );
  t.is(here(), HOME);

  t.throws(() => inNamespace(outer, async () => 1), { instanceOf: TypeError, message: /must be synchronous/ });
  t.throws(() => inNamespace(outer, () => Promise.reject(new Error("late"))), { instanceOf: TypeError });
  t.is(here(), HOME);

  const seen = inNamespace(outer, () => [here(), inNamespace(inner, here), here()]);
  t.is(seen[0], seen[2]);
  t.not(seen[0], seen[1]);
  t.is(here(), HOME);

  const fresh = testNamespace("fresh");
  t.teardown(() => removeNamespace(fresh));
  inNamespace(outer, () => {
    createNamespace(fresh).close();
    t.is(here(), String(seen[0]));
  });
  t.is(here(), HOME);
  await Promise.resolve();
  t.is(here(), HOME);
});

test("a namespace that cannot be entered: the work does not run", (t) => {
  let ran = false;
  t.throws(
    () =>
      inNamespace(0, () => {
        ran = true;
      }),
    { message: /^setns\(0, 0x40000000\): / },
  );
  t.false(ran);
  t.is(here(), HOME);
});

test("a Worker's visits do not move the main thread", async (t) => {
  const { name } = scratchNamespace(t, "worker");
  const worker = new Worker(
    `const { parentPort } = require("node:worker_threads");
     const { readlinkSync } = require("node:fs");
     import(${JSON.stringify(MODULE)}).then(({ inNamespace, openNamespace }) => {
       const namespace = openNamespace(${JSON.stringify(name)});
       const here = () => readlinkSync("/proc/thread-self/ns/net");
       const seen = [here()];
       for (let count = 0; count < 2000; count++) inNamespace(namespace, () => { if (count === 0) seen.push(here()); });
       seen.push(here());
       namespace.close();
       parentPort.postMessage(seen);
     });`,
    { eval: true },
  );
  const [[seen]] = (await Promise.all([once(worker, "message"), once(worker, "exit")])) as [
    [[string, string, string]],
    unknown,
  ];
  t.is(here(), HOME);
  t.is(seen[0], HOME);
  t.not(seen[1], HOME);
  t.is(seen[2], HOME);
});

for (const thread of ["main thread", "Worker"]) {
  test(`a process whose ${thread} cannot return aborts at once`, (t) => {
    const { name } = scratchNamespace(t, "lost");
    const work = `
      const { closeSync, readdirSync, readlinkSync } = await import("node:fs");
      const { inNamespace, openNamespace } = await import(${JSON.stringify(MODULE)});
      const namespace = openNamespace(${JSON.stringify(name)});
      inNamespace(namespace, () => {
        for (const fd of readdirSync("/proc/self/fd").map(Number)) {
          let target = "";
          try { target = readlinkSync("/proc/self/fd/" + fd); } catch { continue; }
          if (fd !== namespace.fd && target.startsWith("net:")) closeSync(fd);
        }
      });
      console.log("went on");`;
    const inWorker = `
      const { Worker } = await import("node:worker_threads");
      new Worker(${JSON.stringify(`(async () => {${work}})()`)}, { eval: true });`;
    const script = thread === "Worker" ? inWorker : work;
    // Without a core file.
    const child = spawnSync(
      "sh",
      ["-c", 'ulimit -c 0; exec "$@"', "sh", process.execPath, "--input-type=module", "-e", script],
      { encoding: "utf8" },
    );
    t.is(child.signal, "SIGABRT", child.stderr);
    t.is(child.stdout, "");
    t.regex(child.stderr, /fatal: a thread cannot return to its network namespace: setns\(/);
  });
}

test("a process killed while it makes and removes leaves only what its names find again", async (t) => {
  const prefix = testNamespace("kill");
  t.teardown(() => {
    for (const name of listNamespaces(prefix)) removeNamespace(name);
  });
  const script = `
    const { createNamespace, removeNamespace } = await import(${JSON.stringify(MODULE)});
    console.log("ready");
    for (let count = 0; ; count++) {
      const name = ${JSON.stringify(prefix)} + "-" + (count % 3);
      removeNamespace(name);
      createNamespace(name).close();
    }`;
  for (let round = 0; round < 8; round++) {
    const child = spawn(process.execPath, ["--input-type=module", "-e", script], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    t.teardown(() => child.kill("SIGKILL"));
    await once(child.stdout, "data");
    await new Promise<void>((resolve) => {
      // A different moment of its work each time: after so many turns of this loop.
      let turns = round * 37;
      const turn = () => (turns-- > 0 ? setImmediate(turn) : resolve());
      turn();
    });
    child.kill("SIGKILL");
    await once(child, "exit");
    const left = listNamespaces(prefix);
    for (const name of left) t.notThrows(() => removeNamespace(name));
    t.deepEqual(listNamespaces(prefix), []);
    for (const name of left) t.is(mountsOf(name), 0);
  }
});
