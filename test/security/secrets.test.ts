/**
 * A cluster's whole life with the real programs. Then all that they printed, logged, showed in their arguments and environments, and
 * left on the disk is searched for every secret that there was: tokens, unlock keys, private keys, the keys of the log.
 */
import { type ExecFileException, execFile } from "node:child_process";
import { createPrivateKey } from "node:crypto";
import { rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import test, { type ExecutionContext } from "ava";
import { KeyFile } from "../../src/security/at-rest/key-file.js";
import { textFileAt } from "../../src/security/at-rest/text-file.js";
import { parseUnlockKey } from "../../src/security/at-rest/unlock-key.js";
import { certificateFolderAt } from "../../src/security/node-certificate/certificate-folder.js";
import { CertificateStore } from "../../src/security/node-certificate/certificate-store.js";
import { makeRootCa } from "../../src/security/pki/root-ca.js";
import { type DaemonHost, DaemonHosts, until } from "../daemon/daemon-host.js";
import { ProcessWatch } from "./secrets-processes.js";
import {
  ANY_KEY,
  contentsOf,
  everythingIn,
  type Finding,
  hasOpenPem,
  type Secret,
  SecretSearch,
} from "./secrets-search.js";

const asRoot = process.getuid?.() === 0 ? test.serial : test.serial.skip;
const CONTROL = resolve(import.meta.dirname, "../../src/cli/main.js");
const TIMEOUT_MS = 180_000;
const TOKEN = /SWMTKN-1-[0-9a-z]{50}-[0-9a-z]{25}/g;
const UNLOCK_KEY = /SWMKEY-1-[A-Za-z0-9+/]{43}/g;

interface Answer {
  readonly command: string;
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
  /** Secrets that the command is there to show. */
  readonly shows: readonly string[];
}

class Story {
  readonly search = new SecretSearch();
  readonly answers: Answer[] = [];
  readonly watch = new ProcessWatch();
  readonly began = Date.now();

  constructor(readonly hosts: DaemonHosts) {}

  /** @param shows names of secrets that it may print */
  async run(
    host: DaemonHost,
    args: readonly string[],
    { input = "", shows = [] }: { readonly input?: string; readonly shows?: readonly string[] } = {},
  ): Promise<Answer> {
    const command = `tsctl ${args.join(" ")}`;
    const answer = await new Promise<Answer>((done) => {
      const child = execFile(
        process.execPath,
        [CONTROL, "-s", host.control, ...args],
        { timeout: TIMEOUT_MS, maxBuffer: 64 * 1024 * 1024 },
        (error: ExecFileException | null, stdout, stderr) =>
          done({ command, status: error ? Number(error.code ?? -1) : 0, stdout, stderr, shows }),
      );
      child.stdin!.end(input);
    });
    this.answers.push(answer);
    return answer;
  }

  /** As {@link run}; what fails ends the test. */
  async does(host: DaemonHost, args: readonly string[], more: Parameters<Story["run"]>[2] = {}): Promise<string> {
    const answer = await this.run(host, args, more);
    if (answer.status !== 0) throw new Error(`${answer.command}: ${answer.stdout}${answer.stderr}`);
    return answer.stdout;
  }

  /** The tokens of now. @returns them by role */
  async tokens(
    by: DaemonHost,
    when: string,
    rotate = false,
  ): Promise<{ readonly worker: string; readonly manager: string }> {
    const token = async (role: string) => {
      const name = `the ${role}s' join token ${when}`;
      const text = await this.does(by, ["join-token", "-q", ...(rotate ? ["--rotate"] : []), role], { shows: [name] });
      const [found] = text.match(TOKEN) ?? [];
      // The digest before it is no secret.
      this.search.add({ name, bytes: Buffer.from(found!.slice(-25)) });
      return found!;
    };
    return { worker: await token("worker"), manager: await token("manager") };
  }

  async unlockKey(by: DaemonHost, when: string, rotate = false): Promise<string> {
    const name = `the unlock key ${when}`;
    const text = await this.does(by, ["unlock-key", "-q", ...(rotate ? ["--rotate"] : [])], { shows: [name] });
    const [found] = text.match(UNLOCK_KEY) ?? [];
    this.search.add({ name, bytes: Buffer.from(found!) }, { name, bytes: parseUnlockKey(found!) });
    return found!;
  }

  /** What private keys a host has at this moment, and its log's. */
  async keys(host: DaemonHost, unlockKey: string): Promise<void> {
    const kek = parseUnlockKey(unlockKey);
    const { name } = host.host;
    const folders = ["certificates", "manager/certificates"].map((folder) => join(host.stateDir, folder));
    for (const [at, folder] of folders.entries()) {
      const stored = await readOnly(folder).load(kek);
      if (stored)
        this.search.add(...secretsOfKey(`the ${at === 0 ? "agent" : "manager"}'s key of ${name}`, stored.keyPem));
    }
    const file = textFileAt(join(host.stateDir, "manager/raft/keys.json"));
    if ((await KeyFile.look(file)) === "missing") return;
    const ring = await KeyFile.open({ file, kek });
    for (const id of ring.ids) {
      this.search.add({ name: `a data key of ${name}`, bytes: Buffer.from(ring.get(id)!.bytes) });
    }
  }
}

/** Nothing is changed where a program is at work. */
function readOnly(folder: string): CertificateStore {
  const nothing = async (): Promise<void> => {};
  return new CertificateStore({ ...certificateFolderAt(folder), replace: nothing, remove: nothing });
}

/** The scalar is what must not get out, in whatever it is wrapped. */
function secretsOfKey(name: string, pem: string): readonly Secret[] {
  const { d } = createPrivateKey(pem).export({ format: "jwk" });
  return [{ name, bytes: Buffer.from(d!, "base64url") }];
}

asRoot(
  "a cluster's whole life: no secret is printed, logged, shown to other users, or left where it need not be",
  async (t) => {
    t.timeout(900_000);
    const hosts = new DaemonHosts(t, `z${process.pid % 10000}`, 3);
    const story = new Story(hosts);
    t.teardown(() => story.watch.stop());
    await live(t, story);
    story.watch.stop();
    t.deepEqual(printed(story), [], "what tsctl printed");
    t.deepEqual(logged(story), [], "what was logged");
    t.deepEqual(shown(story), [], "arguments and environments");
    t.true(
      [...story.watch.programs].some((path) => path.endsWith("src/manager/main.js")),
      "managers were looked at",
    );
    t.true(
      [...story.watch.programs].some((path) => path.endsWith("src/cli/main.js")),
      "tsctl was looked at",
    );
    t.true(story.search.count > 20, `${story.search.count} secrets`);
  },
);

async function live(t: ExecutionContext, story: Story): Promise<void> {
  const { directory } = story.hosts;
  const [one, two, three] = story.hosts.hosts as [DaemonHost, DaemonHost, DaemonHost];
  const file = (name: string, text: string) => {
    writeFileSync(join(directory, name), text, { mode: 0o600 });
    return join(directory, name);
  };
  const drop = (path: string) => rmSync(path);
  const nodes = async () =>
    JSON.parse(await story.does(one, ["node", "ls", "--format", "json"])) as {
      hostname: string;
      status: string;
      managerStatus: string;
    }[];
  const untilAll = (what: string, holds: (rows: Awaited<ReturnType<typeof nodes>>) => boolean) =>
    until(what, async () => holds(await nodes()));
  await Promise.all([one, two, three].map((host) => host.start()));

  const begun = await story.does(one, ["init", "--autolock", "--advertise-addr", "eth0"], {
    shows: ["the workers' join token at first", "the unlock key at first"],
  });
  t.regex(begun, /tsctl join --token SWMTKN-1-/);
  const tokens = await story.tokens(one, "at first");
  const firstKey = await story.unlockKey(one, "at first");

  // What is wrong is not repeated.
  const wrongToken = tokens.worker.slice(0, -25) + [...tokens.worker.slice(-25)].reverse().join("");
  story.search.add({ name: "a token that was refused", bytes: Buffer.from(wrongToken.slice(-25)) });
  const wrong = file("wrong.token", wrongToken);
  t.is((await story.run(two, ["join", "--token-file", wrong, one.host.address])).status, 1);
  drop(wrong);
  const broken = file("broken.token", tokens.worker.slice(0, -1));
  t.not((await story.run(two, ["join", "--token-file", broken, one.host.address])).status, 0);
  drop(broken);

  const worker = file("worker.token", tokens.worker);
  await story.does(two, ["join", "--token-file", worker, one.host.address]);
  drop(worker);
  await story.does(three, ["join", "--token-file", "-", one.host.address], { input: `${tokens.manager}\n` });
  await untilAll("all are ready", (rows) => rows.filter(({ status }) => status === "ready").length === 3);
  for (const host of [one, two, three]) await story.keys(host, firstKey);

  await story.does(one, ["service", "create", "--name", "web", "--replicas", "3", "--", "/bin/sleep", "1000"]);
  await story.does(one, ["node", "promote", "h2"]);
  await untilAll("h2 manages", (rows) =>
    rows.some(({ hostname, managerStatus }) => hostname === "h2" && managerStatus === "reachable"),
  );
  await until("its own manager answers", async () => (await story.run(two, ["node", "ls", "-q"])).status === 0);
  await story.keys(two, firstKey);
  const secondKey = await story.unlockKey(one, "after a change", true);
  await story.tokens(one, "after a change", true);

  // A root of one's own, whose key nobody gets to see again.
  const own = makeRootCa(Date.now());
  story.search.add(...secretsOfKey("the root's key", own.keyPem));
  const [certificate, key] = [file("own.crt", own.certificatePem), file("own.key", own.keyPem)];
  await story.does(one, ["ca", "--rotate", "-q", "--ca-cert", certificate, "--ca-key", key]);
  drop(key);
  for (const host of [one, two, three]) await story.keys(host, secondKey);
  await story.tokens(one, "after the root's change");
  await story.does(one, ["node", "demote", "h2"]);
  await untilAll("h2 is a worker", (rows) =>
    rows.some(({ hostname, managerStatus }) => hostname === "h2" && managerStatus === ""),
  );

  for (const args of SHOWING) await story.run(one, args);
  for (const args of [["info"], ["doctor"], ["node", "ls"]]) await story.run(two, args);

  await one.stop();
  await one.start();
  const unlock = (key: string) => story.run(one, ["unlock"], { input: `${key}\n` });
  await until("the manager is locked, and not with the key of before", async () =>
    /not the key/.test((await unlock(firstKey)).stderr),
  );
  t.is((await unlock("SWMKEY-1-nonsense")).status, 1);
  await until("it is open", async () => (await unlock(secondKey)).status === 0);
  await untilAll("all are ready again", (rows) => rows.filter(({ status }) => status === "ready").length === 3);
  await story.keys(one, secondKey);
  story.watch.look();
  checkDisk(t, story);

  await story.does(two, ["leave"]);
  await until("the others can do without it", async () => (await story.run(three, ["leave"])).status === 0);
  await story.does(one, ["leave", "--force"]);
  for (const host of [one, two, three]) {
    t.deepEqual(host.files(), [], "nothing stays of a node that left");
    await host.stop();
  }
}

/** Everything that shows something. */
const SHOWING: readonly (readonly string[])[] = [
  ["info"],
  ["info", "--format", "json"],
  ["doctor"],
  ["doctor", "--format", "json"],
  ["cluster", "ls", "--format", "json"],
  ["cluster", "inspect"],
  ["cluster", "inspect", "--format", "json"],
  ["node", "inspect", "self", "h2", "h3"],
  ["node", "ps", "self"],
  ["service", "ls"],
  ["service", "inspect", "web"],
  ["service", "ps", "web", "--format", "json"],
  ["ca"],
  ["ca", "--format", "json"],
  ["debug", "raft"],
  ["debug", "raft", "--format", "json"],
  ["net", "inspect"],
];

function printed({ answers, search }: Story): readonly Finding[] {
  return answers.flatMap(({ command, stdout, stderr, shows }) => {
    const found = [
      ...search.in(Buffer.from(stdout)).filter((name) => !shows.includes(name)),
      ...search.in(Buffer.from(stderr)).map((name) => `${name}, among errors`),
    ];
    if (hasOpenPem(Buffer.from(stdout + stderr))) found.push("a private key");
    return found.map((secret) => ({ secret, place: command }));
  });
}

function logged({ hosts, search }: Story): readonly Finding[] {
  return hosts.hosts.flatMap(({ log, host }) => {
    const found = [...search.in(Buffer.from(log)), ...(hasOpenPem(Buffer.from(log)) ? ["a private key"] : [])];
    return found.map((secret) => ({ secret, place: host.name }));
  });
}

function shown({ watch, search }: Story): readonly Finding[] {
  return [...watch.seen].flatMap(([what, text]) =>
    search.in(text).map((secret) => ({ secret, place: what.slice(0, 200) })),
  );
}

/** Of what is there while all of it runs. */
function checkDisk(t: ExecutionContext, { hosts, search, began }: Story): void {
  const keys = new SecretSearch();
  keys.add(...ANY_KEY);
  const findings: Finding[] = [];
  const modes: string[] = [];
  for (const { stateDir } of hosts.hosts) {
    for (const { path, mode, kind } of everythingIn(stateDir)) {
      const name = path.slice(stateDir.length + 1);
      if (kind === "other") continue;
      if ((mode & 0o077) !== 0 && !name.startsWith("tasks/")) modes.push(`${name} ${mode.toString(8)}`);
      if (kind === "folder") continue;
      const contents = contentsOf(path);
      const found = [
        ...search.in(contents),
        ...keys.in(contents),
        ...(hasOpenPem(contents) ? ["a private key (PEM)"] : []),
      ];
      // The one file that has to hold one: autolock is for managers.
      const isAgentKey = name === "certificates/swarm-node.key" && mode === 0o600;
      for (const secret of found) {
        if (!isAgentKey || !/^the agent's key of|^a private key/.test(secret)) findings.push({ secret, place: name });
      }
    }
  }
  // What they may have left elsewhere: in folders for passing things, and in their sockets' folders.
  const elsewhere = [join(hosts.directory, "run"), "/run/tswarm", tmpdir(), "/var/tmp", "/dev/shm"];
  for (const { path, kind } of elsewhere.flatMap((folder) => newIn(folder, began, hosts.directory))) {
    if (kind !== "file") continue;
    const contents = contentsOf(path);
    for (const secret of search.in(contents)) findings.push({ secret, place: path });
  }
  t.deepEqual(findings, [], "files");
  t.deepEqual(modes, [], "files and folders that others may look into");
}

/** What has changed since, but for the test's own folder; other programs' files are small change. */
function newIn(folder: string, sinceMs: number, own: string): ReturnType<typeof everythingIn> {
  const MAX_BYTES = 1024 * 1024;
  const isNew = (path: string) => {
    const stat = statSync(path, { throwIfNoEntry: false });
    return stat !== undefined && stat.mtimeMs >= sinceMs && stat.size <= MAX_BYTES;
  };
  if (folder.startsWith(own)) return everythingIn(folder);
  return everythingIn(folder).filter(({ path, kind }) => kind === "file" && !path.startsWith(own) && isNew(path));
}
