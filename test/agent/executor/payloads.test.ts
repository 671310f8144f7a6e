/** Secrets and configs of real processes. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { TaskError } from "../../../src/agent/executor/executor.js";
import { makeTaskBed, runs, until } from "./task-bed.js";

const PASSWORD = "correct horse battery staple";

type Owner = { readonly uid?: string; readonly gid?: string; readonly mode?: number };
const file = (name: string, { uid = "0", gid = "0", mode = 0o444 }: Owner = {}) => ({
  $case: "file" as const,
  value: { name, uid, gid, mode },
});
const secret = (id: string, target: string, owner?: Owner) => ({
  secretId: id,
  secretName: id,
  target: file(target, owner),
});
const config = (id: string, target: string, owner?: Owner) => ({
  configId: id,
  configName: id,
  target: file(target, owner),
});

/** A bed whose node has a secret and a config. */
function makeBed(t: ExecutionContext) {
  const bed = makeTaskBed(t);
  bed.payloads.secrets.set("password", Buffer.from(PASSWORD));
  bed.payloads.configs.set("site", Buffer.from("listen 80;\n"));
  return bed;
}

function hostFile(t: ExecutionContext, text: string): string {
  const folder = mkdtempSync(join(tmpdir(), "tswarm-target-"));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, "app.conf");
  writeFileSync(path, text, { mode: 0o644 });
  return path;
}

test("a secret is a file below /run/secrets, a config below /run/configs, with owner and mode; the host has neither", async (t) => {
  const bed = makeBed(t);
  const { stdout, exit } = await bed.shell(
    "cat /run/secrets/password; echo; cat /run/configs/site; stat -c '%n %u:%g %a' /run/secrets/password /run/configs/site /run/secrets/deep /run/secrets/deep/er; cat /run/secrets/deep/er",
    {
      secrets: [secret("password", "password", { uid: "7", gid: "8", mode: 0o400 }), secret("password", "deep/er")],
      configs: [config("site", "site", { mode: 0o644 })],
    },
  );
  t.is(exit.code, 0);
  t.is(
    stdout,
    `${PASSWORD}\nlisten 80;\n/run/secrets/password 7:8 400\n/run/configs/site 0:0 644\n/run/secrets/deep 0:0 755\n/run/secrets/deep/er 0:0 444\n${PASSWORD}`,
  );
  t.false(existsSync("/run/secrets/password"));
  t.false(existsSync("/run/configs/site"));
});

test("the task's user reads what its mode allows, and nobody writes", async (t) => {
  const bed = makeBed(t);
  const { stdout, stderr } = await bed.shell(
    "cat /run/secrets/open; cat /run/secrets/shut; echo x >/run/secrets/open; echo x >/run/secrets/new; id -u",
    { user: "nobody", secrets: [secret("password", "open"), secret("password", "shut", { mode: 0o400 })] },
  );
  t.is(stdout, `${PASSWORD}${execFileSync("id", ["-u", "nobody"], { encoding: "utf8" })}`);
  t.regex(stderr, /shut: Permission denied/);
  const root = await bed.shell("echo x >/run/secrets/open; rm /run/secrets/open; mount -o remount,rw /run/secrets", {
    secrets: [secret("password", "open")],
  });
  t.is(root.stderr.match(/Read-only file system|permission denied|must be superuser/gi)?.length, 3, root.stderr);
});

test("they are on file systems in memory", async (t) => {
  const bed = makeBed(t);
  const { stdout } = await bed.shell("stat -f -c %T /run/secrets /run/configs", {
    secrets: [secret("password", "p")],
    configs: [config("site", "s")],
  });
  t.is(stdout, "tmpfs\ntmpfs\n");
});

test("a file of the host's is replaced in the task alone", async (t) => {
  const bed = makeBed(t);
  const path = hostFile(t, "the host's\n");
  const { stdout, stderr } = await bed.shell(`cat ${path}; ls -A /run/configs; echo x >>${path}`, {
    configs: [config("site", path)],
  });
  t.is(stdout, "listen 80;\n");
  t.regex(stderr, /Read-only file system/);
  t.is(readFileSync(path, "utf8"), "the host's\n");
});

test("where the host has no such file the task is refused, with what to do; nothing is made", async (t) => {
  const bed = makeBed(t);
  const missing = `${hostFile(t, "")}.missing`;
  const task = bed.controller(["true"], { configs: [config("site", missing)] });
  const error = await t.throwsAsync<TaskError>(task.prepare(), { instanceOf: TaskError });
  t.true(error?.fatal);
  t.is(
    error?.message,
    `web.1: config site: ${missing} is not there on this host: make it an empty file, or take a name below /run/configs`,
  );
  t.false(existsSync(missing));
  const folder = bed.controller(["true"], { secrets: [secret("password", "/etc")] });
  await t.throwsAsync(folder.prepare(), { message: /secret password: \/etc is no file on this host/ });
});

test("large ones of any bytes come whole, several in their order", async (t) => {
  const bed = makeBed(t);
  const bytes = Buffer.from(Uint8Array.from({ length: 511_999 }, (_, at) => (at * 31) % 256));
  bed.payloads.secrets.set("large", bytes);
  bed.payloads.configs.set("larger", Buffer.concat([bytes, bytes]));
  const sum = (data: Buffer) => execFileSync("sha256sum", { input: data, encoding: "utf8" }).split(" ")[0];
  const { stdout, exit } = await bed.shell(
    "cat /run/secrets/a | sha256sum; cat /run/configs/b | sha256sum; cat /run/secrets/c",
    {
      secrets: [secret("large", "a"), secret("password", "c")],
      configs: [config("larger", "b")],
    },
  );
  t.is(exit.code, 0);
  t.is(stdout, `${sum(bytes)}  -\n${sum(Buffer.concat([bytes, bytes]))}  -\n${PASSWORD}`);
});

test("nothing of a secret is in the folders of the task, or in what anybody can read of its processes", async (t) => {
  const bed = makeBed(t);
  const task = await bed.started(["sh", "-c", "cat /run/secrets/p; exec sleep 600"], {
    secrets: [secret("password", "p")],
    healthcheck: { test: ["CMD", "true"] },
  });
  await until(() => bed.output(task.id).stdout !== "");
  const texts = filesBelow(bed.stateDir)
    .filter((path) => !path.endsWith("/stdout"))
    .map((path) => readFileSync(path, "latin1"));
  t.true(texts.length > 5);
  for (const text of texts) t.false(text.includes(PASSWORD));
  const own = bed.pids(task.id);
  t.true(own.length >= 2);
  for (const pid of own) {
    for (const name of ["cmdline", "environ"]) {
      t.false(readFileSync(`/proc/${pid}/${name}`, "latin1").includes(PASSWORD));
    }
  }
});

test("no other program of the host, and no other task, has the mounts; they go with the task", async (t) => {
  const bed = makeBed(t);
  const task = await bed.started(["sleep", "600"], { secrets: [secret("password", "p")] });
  const other = await bed.shell("cat /run/secrets/p");
  t.is(other.stdout, "");
  const mounts = () => execFileSync("sh", ["-c", "cat /proc/*/mountinfo 2>/dev/null | grep -c ' /run/secrets ' || :"]);
  const pid = bed.pids(task.id)[0]!;
  t.true(readFileSync(`/proc/${pid}/mountinfo`, "utf8").includes(" /run/secrets "));
  t.false(readFileSync("/proc/self/mountinfo", "utf8").includes(" /run/secrets "));
  t.true(Number(mounts()) > 0);
  await task.shutdown();
  await task.remove();
  t.false(runs(pid));
});

test("what the node has not got yet is waited for; what will not come is told", async (t) => {
  const bed = makeBed(t);
  bed.payloads.isComplete = false;
  const task = bed.controller(["sh", "-c", "cat /run/secrets/p"], { secrets: [secret("late", "p")] });
  const early = await t.throwsAsync<TaskError>(task.prepare(), { instanceOf: TaskError });
  t.false(early?.fatal);
  t.is(early?.message, "web.1: secret late is not on this node until a manager has been reached");
  bed.payloads.isComplete = true;
  const never = await t.throwsAsync<TaskError>(task.prepare(), { instanceOf: TaskError });
  t.true(never?.fatal);
  t.is(never?.message, "web.1: secret late was not given to this node");
  bed.payloads.secrets.set("late", Buffer.from("here"));
  await task.prepare();
  await task.start(bed.sandbox);
  await task.wait();
  t.is(bed.output(task.id).stdout, "here");
});

test("a set-up that fails leaves nobody waiting", async (t) => {
  const bed = makeBed(t);
  bed.payloads.secrets.set("large", Buffer.alloc(400_000, 1));
  const task = bed.controller(["true"], {
    secrets: [secret("large", "a")],
    mounts: [{ type: 0, source: "/etc/passwd", target: "/tmp" }],
  });
  await task.prepare();
  await t.throwsAsync(task.start(bed.sandbox), { message: /cannot set up the task's sandbox/ });
  await until(() => bed.pids(task.id).length === 0);
  t.deepEqual(bed.pids(task.id), []);
});

function filesBelow(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .map((name) => join(folder, name))
    .filter((path) => statSync(path).isFile());
}
