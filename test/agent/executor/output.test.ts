import { mkdtempSync, openSync, readFileSync, rmSync, statSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import { OutputTrimmer } from "../../../src/agent/executor/process/output-trimmer.js";

const KEPT_BYTES = 64 * 1024;

test("output is kept within bounds while its writer holds the file, and the newest part stays whole", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "tswarm-output-"));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const path = join(folder, "stdout");
  const fd = openSync(path, "a");
  const trimmer = new OutputTrimmer(
    async () => [path, join(folder, "missing")],
    KEPT_BYTES,
    (line) => t.fail(line),
  );
  let written = "";
  for (let line = 0; line < 40_000; line++) {
    const text = `line ${line} of the task's output\n`;
    written += text;
    writeSync(fd, text);
    if (line % 5000 === 0) await trimmer.trim();
  }
  await trimmer.trim();
  const { size, blocks } = statSync(path);
  t.is(size, written.length, "offsets stay what they were");
  t.true(blocks * 512 < KEPT_BYTES * 1.5 + 8192, `${blocks * 512} bytes on disk`);
  t.is(readFileSync(path, "latin1").slice(-KEPT_BYTES), written.slice(-KEPT_BYTES));
  t.is(readFileSync(path).subarray(0, 4096).findIndex(Boolean), -1, "the oldest part is gone");
});

test("a short output is left alone", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "tswarm-output-"));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const path = join(folder, "stdout");
  writeSync(openSync(path, "a"), "x".repeat(KEPT_BYTES));
  const trimmer = new OutputTrimmer(
    async () => [path],
    KEPT_BYTES,
    (line) => t.fail(line),
  );
  await trimmer.trim();
  t.is(readFileSync(path, "utf8"), "x".repeat(KEPT_BYTES));
});
