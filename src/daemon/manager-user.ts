/** The user that the manager's process runs as: unprivileged, and able to write in its own folders alone. */
import { chmodSync, chownSync, lchownSync, lstatSync, mkdirSync, readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";

export interface ManagerUser {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

export const DEFAULT_MANAGER_USER = "tswarm-manager";
const PASSWD = "/etc/passwd";
const PARENT_MODE = 0o755;

export class ManagerUserError extends Error {
  override readonly name = "ManagerUserError";
}

/**
 * @param name as chosen; undefined: {@link DEFAULT_MANAGER_USER}, where there is such a user
 * @returns undefined when the manager is to run as the daemon's own user
 * @throws ManagerUserError when a user was chosen that does not exist
 */
export function findManagerUser(
  name: string | undefined,
  ownUid: number,
  passwd: () => string = () => readFileSync(PASSWD, "utf8"),
): ManagerUser | undefined {
  if (ownUid !== 0) return undefined;
  const wanted = name ?? DEFAULT_MANAGER_USER;
  const user = parseUser(passwd(), wanted);
  if (user) return user.uid === ownUid ? undefined : user;
  if (name === undefined) return undefined;
  throw new ManagerUserError(`--manager-user: ${PASSWD} knows no user ${name}`);
}

function parseUser(passwd: string, name: string): ManagerUser | undefined {
  const fields = passwd
    .split("\n")
    .map((line) => line.split(":"))
    .find(([first]) => first === name);
  const [uid, gid] = [Number(fields?.[2]), Number(fields?.[3])];
  return Number.isInteger(uid) && Number.isInteger(gid) ? { name, uid, gid } : undefined;
}

/**
 * Makes a folder that is the user's alone, with all that is in it: root's, from before there was such a user, or another's. Nothing of
 * what it does follows a link, and a file that has a second name elsewhere stays whose it is.
 */
export function giveFolder(path: string, user: ManagerUser | undefined, mode: number): void {
  mkdirSync(dirname(path), { recursive: true, mode: PARENT_MODE });
  mkdirSync(path, { recursive: true, mode });
  chmodSync(path, mode);
  if (!user || statSync(path).uid === user.uid) return;
  for (const entry of readdirSync(path)) giveEntry(join(path, entry), user);
  chownSync(path, user.uid, user.gid);
}

function giveEntry(path: string, user: ManagerUser): void {
  const stat = lstatSync(path);
  if (stat.isDirectory()) for (const entry of readdirSync(path)) giveEntry(join(path, entry), user);
  else if (stat.nlink > 1) return;
  lchownSync(path, user.uid, user.gid);
}

/** Lets the user go through a folder that is root's, without reading it. */
export function letThrough(path: string, user: ManagerUser | undefined): void {
  if (!user || (statSync(path).mode & 0o001) !== 0) return;
  chownSync(path, 0, user.gid);
  chmodSync(path, 0o710);
}

/** Whether it may make a socket in a folder, by the folder's own mode. */
export function canWriteIn(path: string, user: ManagerUser | undefined): boolean {
  if (!user) return true;
  const { uid, gid, mode } = statSync(path);
  const bits = uid === user.uid ? mode >> 6 : gid === user.gid ? mode >> 3 : mode;
  return (bits & 0o3) === 0o3;
}

/**
 * The command line that runs a program as the user: without groups, capabilities, or ways to get any.
 * @returns the command itself where there is no such user
 */
export function asUser(user: ManagerUser | undefined, command: readonly string[]): readonly string[] {
  if (!user) return command;
  return [
    ...["setpriv", `--reuid=${user.uid}`, `--regid=${user.gid}`, "--clear-groups", "--no-new-privs"],
    ...["--inh-caps=-all", "--bounding-set=-all", "--", ...command],
  ];
}

/** What of the daemon's environment the manager gets: nothing that was meant for the daemon. */
export function managerEnvironment(own: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const kept = ["PATH", "LANG", "LC_ALL", "TZ"];
  return Object.fromEntries(kept.flatMap((key) => (own[key] === undefined ? [] : [[key, own[key]]])));
}
