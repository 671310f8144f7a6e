/** The part of the set-up that takes secrets, run by a shell in mounts of its own: also when the agent goes in the middle. */
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readlinkSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { PayloadFeed } from "../../../src/agent/executor/process/payload-feed.js";
import { PAYLOADS, payloadLines, readPayloadFiles } from "../../../src/agent/executor/process/payload-files.js";
import { until } from "./task-bed.js";

const fail = (reason: string): never => {
  throw new Error(reason);
};
const secret = (name: string) => ({
  secretId: name,
  secretName: name,
  target: { $case: "file" as const, value: { name, uid: "0", gid: "0", mode: 0o444 } },
});
const FILES = readPayloadFiles([secret("one"), secret("two")], [], fail);

/** A folder with the FIFO, and the set-up's shell in it. */
function begin(t: ExecutionContext, sizes: readonly number[]) {
  const folder = mkdtempSync(join(tmpdir(), "tswarm-payloads-"));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  execFileSync("mkfifo", [join(folder, PAYLOADS)]);
  const script = ["set -e", "umask 077", ...payloadLines(FILES, sizes), "cat /run/secrets/one /run/secrets/two"];
  const run = () => {
    const shell = spawn("unshare", ["--mount", "--propagation", "private", "sh", "-c", script.join("\n")], {
      cwd: folder,
    });
    let [out, errors] = ["", ""];
    shell.stdout.on("data", (data) => {
      out += data;
    });
    shell.stderr.on("data", (data) => {
      errors += data;
    });
    const over = once(shell, "close").then(([status]) => ({ status: status as number, out, errors }));
    /** Whether the set-up has the FIFO open. */
    const reads = () => {
      try {
        return readlinkSync(`/proc/${shell.pid}/fd/7`) === path;
      } catch {
        return false;
      }
    };
    return { over, reads };
  };
  const path = join(folder, PAYLOADS);
  return { path, run };
}

test("all that was written arrives", async (t) => {
  const { path, run } = begin(t, [3, 200_000]);
  const feed = new PayloadFeed(path, [Buffer.from("abc"), Buffer.alloc(200_000, "x")]);
  const { status, out, errors } = await run().over;
  feed.close();
  t.is(errors, "");
  t.is(status, 0);
  t.is(out, `abc${"x".repeat(200_000)}`);
});

test("an agent that goes in the middle leaves a set-up that fails, not a file that is cut short", async (t) => {
  const { path, run } = begin(t, [3, 200_000]);
  const feed = new PayloadFeed(path, [Buffer.from("abc"), Buffer.alloc(1000, "x")]);
  const { over, reads } = run();
  // What was written stays in the pipe for who reads: the end comes after it.
  await until(reads);
  feed.close();
  const { status, out, errors } = await over;
  t.is(status, 1);
  t.is(out, "");
  t.is(errors, "two did not come in full\n");
});

test("one that goes before anything was read leaves nobody waiting once another comes", async (t) => {
  const { path, run } = begin(t, [3, 3]);
  const { over } = run();
  let isOver = false;
  void over.then(() => {
    isOver = true;
  });
  await until(() => {
    PayloadFeed.hangUp(path);
    return isOver;
  });
  const { status, errors } = await over;
  t.is(status, 1);
  t.is(errors, "one did not come in full\n");
});

test("what cannot be a file is refused by its name", (t) => {
  const read = (name: string, more: object = {}) =>
    readPayloadFiles(
      [{ ...secret("pw"), target: { $case: "file", value: { name, uid: "", gid: "", mode: 0, ...more } } }],
      [],
      fail,
    );
  t.throws(() => read("../x"), { message: /^secret pw: the target "..\/x" is not a plain path/ });
  t.throws(() => read("x", { uid: "www" }), { message: "secret pw: its owner is no number" });
  t.throws(() => readPayloadFiles([{ ...secret("pw"), target: undefined }], [], fail), {
    message: "secret pw has no file as its target",
  });
  t.is(read("/run/secrets/deep/x")[0]?.target, "deep/x", "below the folder, however it is written");
  t.deepEqual(payloadLines([], []), []);
});
