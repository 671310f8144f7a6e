/** `tsctl debug wal` on real log folders: whole, damaged, locked. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { Secret, Service } from "../../src/api/generated/docker/swarmkit/v1/objects.js";
import { RaftMember } from "../../src/api/generated/docker/swarmkit/v1/raft.js";
import { ConfChange, ConfChangeType, type Entry, EntryType, HardState } from "../../src/api/generated/raftpb/raft.js";
import { FolderDisk } from "../../src/raft/disk/folder-disk.js";
import { openLogStorage } from "../../src/raft/storage/disk-log-storage.js";
import { KeyFile } from "../../src/security/at-rest/key-file.js";
import { textFileAt } from "../../src/security/at-rest/text-file.js";
import { formatUnlockKey } from "../../src/security/at-rest/unlock-key.js";
import type { Change } from "../../src/store/change.js";
import { EntryCodec } from "../../src/store/encoding/entry-codec.js";
import { id } from "./fixtures.js";
import { start } from "./run.js";

const KEK = Buffer.alloc(32, 3);
const PASSWORD = "correct horse battery staple";
const codec = new EntryCodec();
const entry = (Index: number, ...changes: readonly Change[]): Entry => ({
  Index,
  Term: 2,
  Type: EntryType.EntryNormal,
  Data: changes.length === 0 ? Buffer.alloc(0) : Buffer.from(codec.encode(changes)),
});
const meta = (index: number) => ({ version: { index } });
const web = Service.fromPartial({ id: id("web"), meta: meta(3), spec: { annotations: { name: "web" } } });
const secret = Secret.fromPartial({
  id: id("secret"),
  meta: meta(4),
  spec: { annotations: { name: "password" }, data: Buffer.from(PASSWORD) },
});
const context = RaftMember.encode(RaftMember.fromPartial({ nodeId: id("n1"), addr: "10.0.0.1:4242" })).finish();
const member = ConfChange.fromPartial({
  type: ConfChangeType.ConfChangeAddNode,
  nodeId: "255",
  context: Buffer.from(context),
});

const ENTRIES: readonly Entry[] = [
  { Index: 1, Term: 1, Type: EntryType.EntryConfChange, Data: Buffer.from(ConfChange.encode(member).finish()) },
  entry(2),
  entry(3, { kind: "service", action: "create", object: web }),
  entry(4, { kind: "secret", action: "update", object: secret }, { kind: "service", action: "remove", object: web }),
];

/** A stopped manager's state folder with {@link ENTRIES}, each in a record of its own. */
async function stateFolder(t: ExecutionContext, kek?: Uint8Array): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "tswarm-wal-"));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const raft = join(folder, "manager", "raft");
  mkdirSync(raft, { recursive: true });
  const keyRing = await KeyFile.create({ file: textFileAt(join(raft, "keys.json")), kek });
  const storage = openLogStorage({ disk: new FolderDisk(join(raft, "log")), keyRing });
  await storage.load();
  for (const one of ENTRIES) await storage.append({ entries: [one], hardState: undefined, mustSync: true });
  await storage.append({
    entries: [],
    hardState: HardState.fromPartial({ term: 2, vote: "255", commit: 4 }),
    mustSync: true,
  });
  await storage.close();
  return folder;
}

const wal = (folder: string, ...args: readonly string[]) => start(["debug", "wal", "-d", folder, ...args]).outcome;

test("entries are described by what they change, and no secret's data is shown", async (t) => {
  const folder = await stateFolder(t);
  const { status, stdout, stderr } = await wal(folder);
  t.deepEqual([status, stderr], [0, ""]);
  for (const line of [
    /^segment \S+\.wal: .*, key [0-9a-f]{16}, goes on after entry 0$/m,
    new RegExp(`^ +\\d+ {2}entry 1 term 1: add member ff \\(node ${id("n1")} at 10\\.0\\.0\\.1:4242\\)$`, "m"),
    /^ +\d+ {2}entry 2 term 2: empty: a new leader's first$/m,
    new RegExp(`^ +\\d+ {2}entry 3 term 2: create service ${id("web")} web \\(version 3\\)$`, "m"),
    new RegExp(
      `entry 4 term 2:\\n +update secret ${id("secret")} password \\(version 4\\)\\n +remove service ${id("web")}`,
    ),
    /^ +\d+ {2}term 2, vote ff, commit 4$/m,
    /^ +\d+ {2}stopped in an orderly way$/m,
    /^ +\d+ {2}END: nothing was written from here on$/m,
  ])
    t.regex(stdout, line);
  const json = await wal(folder, "--format", "json");
  const items = JSON.parse(json.stdout) as { kind: string; index?: number; changes?: object[] }[];
  t.deepEqual(
    items.filter(({ kind }) => kind === "entry").map(({ index }) => index),
    [1, 2, 3, 4],
  );
  t.like(items.find(({ index }) => index === 3)?.changes?.[0], {
    action: "create",
    kind: "service",
    name: "web",
    version: 3,
  });
  for (const text of [stdout, json.stdout]) {
    t.false(text.includes(PASSWORD));
    t.false(text.includes(Buffer.from(PASSWORD).toString("base64")));
  }
});

test("a part of the log: from an index, so many entries", async (t) => {
  const { stdout } = await wal(await stateFolder(t), "--from", "2", "--limit", "2");
  t.deepEqual(stdout.match(/entry \d term/g), ["entry 2 term", "entry 3 term"]);
});

test("damage is shown where it is, with what can be read around it, and status 1", async (t) => {
  const folder = await stateFolder(t);
  const logDir = join(folder, "manager", "raft", "log");
  const file = readdirSync(logDir).find((name) => name.endsWith(".wal"))!;
  const { stdout: whole } = await wal(folder, "--format", "json");
  const third = (JSON.parse(whole) as { index?: number; offset: number }[]).find(({ index }) => index === 3)!;
  const bytes = readFileSync(join(logDir, file));
  bytes.writeUInt8(bytes.readUInt8(third.offset + 24) ^ 1, third.offset + 24);
  writeFileSync(join(logDir, file), bytes);
  const { status, stdout } = await wal(folder);
  t.is(status, 1);
  t.regex(stdout, new RegExp(`^ +${third.offset} {2}DAMAGE: .+$`, "m"));
  t.deepEqual(stdout.match(/entry [1-4] /g), ["entry 1 ", "entry 2 ", "entry 4 "]);
});

test("a locked log shows its outline, and all with the unlock key", async (t) => {
  const folder = await stateFolder(t, KEK);
  const without = await wal(folder);
  t.is(without.status, 1);
  t.regex(without.stderr, /^tsctl: \S+keys\.json is locked, --unlock-key-file opens it: [^\n]+\n$/);
  t.regex(without.stdout, /LOCKED: sealed with key [0-9a-f]{16}, which is not known/);
  t.notRegex(without.stdout, /entry/);
  const keyFile = join(folder, "key");
  writeFileSync(keyFile, `${formatUnlockKey(KEK)}\n`);
  const withKey = await wal(folder, "--unlock-key-file", keyFile);
  t.deepEqual([withKey.status, withKey.stderr], [0, ""]);
  t.is(withKey.stdout.match(/entry \d term/g)?.length, 4);
  const input = `${formatUnlockKey(KEK)}\n`;
  t.is((await start(["debug", "wal", "-d", folder, "--unlock-key-file", "-"], {}, { input }).outcome).status, 0);
  writeFileSync(keyFile, formatUnlockKey(Buffer.alloc(32, 4)));
  const wrong = await wal(folder, "--unlock-key-file", keyFile);
  t.is(wrong.status, 1);
  t.regex(wrong.stderr, /^tsctl: [^\n]+\n$/);
});

test("a folder without a log is one clear line", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "tswarm-wal-"));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const { status, stderr } = await wal(folder);
  t.is(status, 1);
  t.regex(stderr, /tsctl: \S+ holds no manager's log \(--state-dir names another folder\)\n$/);
  t.deepEqual(readdirSync(folder), [], "nothing is made");
});
