/** What somebody with a shell on a node can open, and what the manager's process can: tried, as that user. */
import { execFile, execFileSync } from "node:child_process";
import { statSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import test from "ava";
import { localSockets } from "../../src/api/local-sockets.js";
import { type DaemonHost, DaemonHosts, until } from "../daemon/daemon-host.js";
import { everythingIn } from "./secrets-search.js";

const asRoot = process.getuid?.() === 0 ? test.serial : test.serial.skip;
/** Nobody in particular: not the user that managers run as here. */
const SHELL_USER = 65_533;
const run = promisify(execFile);

/** Tries each as a user; prints those that it could open. Sockets are connected to, files read. */
const TRY = `
  const fs = require("node:fs"), net = require("node:net");
  const paths = JSON.parse(process.argv[1]);
  const open = (path) => new Promise((done) => {
    const socket = net.connect(path, () => { socket.destroy(); done(true); });
    socket.on("error", () => done(false));
  });
  (async () => {
    const opened = [];
    for (const { path, kind } of paths) {
      let can;
      if (kind === "other") can = await open(path);
      else try { kind === "folder" ? fs.readdirSync(path) : fs.closeSync(fs.openSync(path)); can = true; } catch { can = false; }
      if (can) opened.push(path);
    }
    console.log(JSON.stringify(opened));
  })();
`;

interface Place {
  readonly path: string;
  readonly kind: string;
}

async function openTo(user: number, places: readonly Place[]): Promise<readonly string[]> {
  const { stdout } = await run(process.execPath, ["-e", TRY, JSON.stringify(places)], {
    uid: user,
    gid: user,
    cwd: "/",
    env: { PATH: process.env.PATH },
  });
  return JSON.parse(stdout) as string[];
}

asRoot("another user of the host opens no socket and reads no file; the manager's user only its own", async (t) => {
  t.timeout(180_000);
  const { hosts, directory } = new DaemonHosts(t, `y${process.pid % 10000}`, 1);
  const [host] = hosts as [DaemonHost];
  await host.start();
  await host.node.init({ advertiseAddr: "eth0" });
  await until("it manages", async () => (await host.node.info()).controlAvailable);
  const managerUser = Number(execFileSync("id", ["-u", "nobody"], { encoding: "utf8" }));
  const sockets = localSockets(host.control);
  const places = [...everythingIn(host.stateDir), ...everythingIn(join(directory, "run"))];
  const ofSockets = places.filter(({ kind }) => kind === "other").map(({ path }) => path);
  t.deepEqual(ofSockets.sort(), [host.control, sockets.node, sockets.support].sort());
  t.true(places.some(({ path }) => path.endsWith("manager/raft/keys.json")));

  const shown = await openTo(SHELL_USER, places);
  t.deepEqual(
    shown.filter((path) => !statSync(path).isDirectory()),
    [],
    "another user",
  );
  const managers = await openTo(managerUser, places);
  t.deepEqual(
    managers.filter((path) => !path.startsWith(join(host.stateDir, "manager")) && !statSync(path).isDirectory()).sort(),
    [host.control, sockets.support].sort(),
    "the manager's user, outside of its folder",
  );
  t.true(managers.some((path) => path.endsWith("manager/raft/keys.json")));
  t.false(managers.some((path) => path.startsWith(join(host.stateDir, "certificates"))));
});
