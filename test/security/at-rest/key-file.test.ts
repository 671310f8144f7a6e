import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import { KeyFile } from "../../../src/security/at-rest/key-file.js";
import { LogLockedError } from "../../../src/security/at-rest/locked-error.js";
import { KeyFileError } from "../../../src/security/at-rest/sealed-keys.js";
import { type TextFile, textFileAt } from "../../../src/security/at-rest/text-file.js";
import { makeKek } from "../../../src/security/at-rest/unlock-key.js";

/** A file in memory, with what it held before. */
function memoryFile(contents?: string): TextFile & { contents: string | undefined; isBroken: boolean } {
  return {
    name: "keys",
    contents,
    isBroken: false,
    async read() {
      return this.contents;
    },
    async replace(text) {
      if (this.isBroken) throw new Error("no space");
      this.contents = text;
    },
  };
}

test("without a KEK the keys come back as they were, and a second start finds the same ones", async (t) => {
  const file = memoryFile();
  t.is(await KeyFile.look(file), "missing");
  const made = await KeyFile.create({ file });
  t.is(await KeyFile.look(file), "plain");
  const opened = await KeyFile.open({ file });
  t.deepEqual(opened.current, made.current);
  t.false(opened.isLocked);
  await t.throwsAsync(KeyFile.create({ file }), { instanceOf: KeyFileError, message: /exists/ });
});

test("with a KEK the file holds no key, and opens with this KEK alone", async (t) => {
  const file = memoryFile();
  const kek = makeKek();
  const made = await KeyFile.create({ file, kek, kekVersion: 7 });
  await made.addKey();
  t.is(await KeyFile.look(file), "sealed");
  for (const id of made.ids) {
    const { bytes } = made.get(id)!;
    t.false(file.contents!.includes(Buffer.from(bytes).toString("base64")));
  }
  const opened = await KeyFile.open({ file, kek });
  t.deepEqual(opened.current, made.current);
  t.deepEqual([...opened.ids].sort(), [...made.ids].sort());
  t.is(opened.kekVersion, 7);
  t.true(opened.isLocked);
  const without = await t.throwsAsync(KeyFile.open({ file }), { instanceOf: LogLockedError });
  t.is(without.reason, "unlock-key-needed");
  const wrong = await t.throwsAsync(KeyFile.open({ file, kek: makeKek() }), { instanceOf: LogLockedError });
  t.is(wrong.reason, "unlock-key-wrong");
});

test("the KEK is changed, and taken away", async (t) => {
  const file = memoryFile();
  const [first, second] = [makeKek(), makeKek()];
  const keys = await KeyFile.create({ file });
  const { current } = keys;
  await keys.setKek(first, 1);
  await keys.setKek(second, 2);
  await t.throwsAsync(KeyFile.open({ file, kek: first }), { instanceOf: LogLockedError });
  t.deepEqual((await KeyFile.open({ file, kek: second })).current, current);
  await keys.setKek(undefined, 3);
  const open = await KeyFile.open({ file, kek: second });
  t.deepEqual(open.current, current);
  t.false(open.isLocked);
  t.is(open.kekVersion, 3);
});

test("resealing changes the KEK and the current key at once", async (t) => {
  const file = memoryFile();
  const keys = await KeyFile.create({ file });
  const before = keys.current;
  const kek = makeKek();
  await keys.reseal(kek, 1);
  t.not(keys.current.id, before.id);
  const opened = await KeyFile.open({ file, kek });
  t.deepEqual(opened.current, keys.current);
  t.deepEqual(opened.get(before.id), before);
});

test("keys that nothing needs are forgotten, never the current one", async (t) => {
  const file = memoryFile();
  const keys = await KeyFile.create({ file });
  const first = keys.current.id;
  const second = await keys.addKey();
  const third = await keys.addKey();
  await keys.retain(() => new Set([second]));
  t.deepEqual([...keys.ids].sort(), [second, third].sort());
  await keys.retain(() => new Set());
  t.deepEqual(keys.ids, [third]);
  t.deepEqual((await KeyFile.open({ file })).ids, [third]);
  t.is(keys.get(first), undefined);
});

test("changes that overlap are made one after the other", async (t) => {
  const file = memoryFile();
  const keys = await KeyFile.create({ file });
  const kek = makeKek();
  const added = await Promise.all([keys.addKey(), keys.addKey(), keys.setKek(kek, 1).then(() => ""), keys.addKey()]);
  const opened = await KeyFile.open({ file, kek });
  t.is(opened.ids.length, 4);
  t.is(opened.current.id, added[3]);
});

test("a change that cannot be stored does not count", async (t) => {
  const file = memoryFile();
  const keys = await KeyFile.create({ file });
  const { current } = keys;
  file.isBroken = true;
  await t.throwsAsync(keys.addKey(), { message: "no space" });
  await t.throwsAsync(keys.setKek(makeKek(), 1), { message: "no space" });
  t.deepEqual(keys.current, current);
  t.false(keys.isLocked);
  file.isBroken = false;
  await keys.addKey();
  t.deepEqual((await KeyFile.open({ file })).current, keys.current);
});

test("any change to the file's text is an error that cites no key, or changes nothing", async (t) => {
  for (const kek of [undefined, makeKek()]) {
    const file = memoryFile();
    const keys = await KeyFile.create({ file, kek, kekVersion: 1 });
    await keys.addKey();
    const whole = file.contents!;
    const secrets = [...keys.ids.map((id) => keys.get(id)!.bytes), ...(kek ? [kek] : [])].map((bytes) =>
      Buffer.from(bytes).toString("base64").slice(0, 12),
    );
    for (let at = 0; at < whole.length; at++) {
      for (const mask of [1, 32]) {
        const changed = Buffer.from(whole);
        changed[at]! ^= mask;
        const other = memoryFile(changed.toString("latin1"));
        const opened = await KeyFile.open({ file: other, kek }).catch((error: Error) => {
          if (!(error instanceof KeyFileError) && !(error instanceof LogLockedError)) throw error;
          for (const secret of secrets) t.false(error.message.includes(secret));
          return undefined;
        });
        // What is not authenticated, in a plain file, are the version of the KEK and which key is current.
        for (const id of opened?.ids ?? []) t.deepEqual(opened!.get(id), keys.get(id));
      }
    }
    t.false(
      await KeyFile.open({ file: memoryFile(whole.slice(0, -20)), kek }).then(
        () => true,
        () => false,
      ),
    );
  }
});

test("on the disk only the owner can read it, and a half-written one of an earlier life does no harm", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "tswarm-keys-"));
  try {
    const path = join(folder, "new", "raft-keys.json");
    const file = textFileAt(path);
    const keys = await KeyFile.create({ file });
    await writeFile(`${path}.new`, "half", { mode: 0o644 });
    await keys.addKey();
    t.is((await stat(path)).mode & 0o777, 0o600);
    t.is((await stat(join(folder, "new"))).mode & 0o777, 0o700);
    t.deepEqual(await readdir(join(folder, "new")), ["raft-keys.json"]);
    t.true((await readFile(path, "utf8")).includes(keys.current.id));
    t.deepEqual((await KeyFile.open({ file })).current, keys.current);
  } finally {
    await rm(folder, { recursive: true });
  }
});
