import { spawnSync } from "node:child_process";
import { constants, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import test from "ava";
import { collectChild, spawnChild } from "../../native-bindings/spawn.js";

const { O_CREAT, O_RDONLY, O_WRONLY } = constants;

function scratch(t: { teardown(work: () => void): void }): string {
  const folder = mkdtempSync(join(tmpdir(), "tswarm-spawn-"));
  t.teardown(() => rmSync(folder, { recursive: true }));
  return folder;
}

async function ended(pid: number): Promise<void> {
  while (!collectChild(pid)) await pause(5);
}

test("a child has its own session, the files, folder and environment that were given, and nothing else of ours", async (t) => {
  const folder = scratch(t);
  const script =
    'read -r pid _ _ _ group session _ </proc/$$/stat; echo "$pid $group $session $PWD"; echo /proc/$$/fd/*; env';
  const pid = spawnChild({
    program: "/bin/sh",
    args: ["-c", script],
    env: ["PATH=/usr/bin:/bin", "GIVEN=a b"],
    folder,
    files: [
      { fd: 0, path: "/dev/null", flags: O_RDONLY },
      { fd: 1, path: "out", flags: O_WRONLY | O_CREAT, mode: 0o600 },
      { fd: 2, path: "err", flags: O_WRONLY | O_CREAT, mode: 0o600 },
      { fd: 7, path: "/dev/null", flags: O_RDONLY },
    ],
  });
  await ended(pid);
  t.is(readFileSync(join(folder, "err"), "utf8"), "");
  const [ids, descriptors, ...environment] = readFileSync(join(folder, "out"), "utf8").trimEnd().split("\n");
  t.is(ids, `${pid} ${pid} ${pid} ${folder}`);
  // What whoever started this process left open in it, nobody can close; 3 is the folder that is listed.
  const inherited = spawnSync("ls", ["/proc/self/fd"], { encoding: "utf8" }).stdout.trim().split("\n");
  const open = descriptors!.split(" ").map((path) => path.slice(path.lastIndexOf("/") + 1));
  t.deepEqual(open.sort(), [...inherited, "7"].sort());
  t.deepEqual(environment.filter((line) => !/^(PWD|_|SHLVL|OLDPWD)=/.test(line)).sort(), [
    "GIVEN=a b",
    "PATH=/usr/bin:/bin",
  ]);
});

test("a program or a file that is not there is an error at once, and no child stays", (t) => {
  const nothing = { args: [], env: [], folder: "/", files: [] };
  t.throws(() => spawnChild({ ...nothing, program: "/nowhere" }), { message: /posix_spawn\(\/nowhere\).*ENOENT/ });
  const files = [{ fd: 0, path: "/nowhere", flags: O_RDONLY }];
  t.throws(() => spawnChild({ ...nothing, program: "/bin/true", files }), { message: /ENOENT/ });
});
