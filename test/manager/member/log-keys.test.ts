import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import { logFolder, openLogKeys } from "../../../src/manager/member/log-keys.js";
import { KeyFileError } from "../../../src/security/at-rest/sealed-keys.js";

function stateDir(t: { teardown(fn: () => void): void }): string {
  const folder = mkdtempSync(join(tmpdir(), "tswarm-log-keys-"));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

test("keys are made once", async (t) => {
  const folder = stateDir(t);
  mkdirSync(logFolder(folder), { recursive: true });
  const made = await openLogKeys(folder, undefined);
  const found = await openLogKeys(folder, undefined);
  t.deepEqual(found.ids, made.ids);
});

test("no keys are made beside a log that others have sealed", async (t) => {
  const folder = stateDir(t);
  const segments = join(logFolder(folder), "wal");
  mkdirSync(segments, { recursive: true });
  writeFileSync(join(segments, "0000000000000001.wal"), "sealed");
  const error = await t.throwsAsync(openLogKeys(folder, undefined), { instanceOf: KeyFileError });
  t.regex(error!.message, /keys\.json is missing, and nothing else opens the log in .*raft\/log$/);
});
