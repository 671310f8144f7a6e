/** Users and groups from the text of passwd(5) and group(5). Pure; the caller reads the files. */

export interface Account {
  readonly uid: number;
  readonly gid: number;
  /** Supplementary groups, ascending, without the primary one. */
  readonly groupIds: readonly number[];
  readonly home: string;
}

interface PasswdEntry {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
}

interface GroupEntry {
  readonly name: string;
  readonly gid: number;
  readonly members: readonly string[];
}

/**
 * @param user "name", "uid", "user:group"; root when empty. As in Docker, a number needs no entry, a name does, and an
 *   explicit group drops the user's supplementary groups.
 * @param extraGroups names or numbers
 * @param fail called with a reason when a name is unknown
 */
export function findAccount(
  user: string,
  extraGroups: readonly string[],
  passwdText: string,
  groupText: string,
  fail: (reason: string) => never,
): Account {
  const users = parsePasswd(passwdText);
  const groups = parseGroup(groupText);
  const colon = user.indexOf(":");
  const userPart = (colon < 0 ? user : user.slice(0, colon)) || "0";
  const groupPart = colon < 0 ? "" : user.slice(colon + 1);
  const entry =
    users.find((candidate) => candidate.name === userPart) ??
    (isId(userPart) ? users.find((candidate) => candidate.uid === Number(userPart)) : undefined);
  if (!entry && !isId(userPart)) fail(`no such user: ${userPart}`);
  const groupId = (name: string): number => {
    const found = groups.find((candidate) => candidate.name === name);
    if (found) return found.gid;
    return isId(name) ? Number(name) : fail(`no such group: ${name}`);
  };
  const gid = groupPart ? groupId(groupPart) : (entry?.gid ?? 0);
  const ids = new Set<number>(extraGroups.map(groupId));
  if (entry && !groupPart) {
    for (const group of groups) if (group.members.includes(entry.name)) ids.add(group.gid);
  }
  ids.delete(gid);
  return {
    uid: entry?.uid ?? Number(userPart),
    gid,
    groupIds: [...ids].sort((a, b) => a - b),
    home: entry?.home || "/",
  };
}

/** A user or group id that the kernel takes; 2³²−1 means "leave it" to setuid(2). */
function isId(text: string): boolean {
  return /^\d{1,10}$/.test(text) && Number(text) < 2 ** 32 - 1;
}

function parsePasswd(text: string): readonly PasswdEntry[] {
  return rows(text, 7).map(([name, , uid, gid, , home]) => ({
    name: name!,
    uid: Number(uid),
    gid: Number(gid),
    home: home!,
  }));
}

function parseGroup(text: string): readonly GroupEntry[] {
  return rows(text, 4).map(([name, , gid, members]) => ({
    name: name!,
    gid: Number(gid),
    members: members!.split(",").filter(Boolean),
  }));
}

/** Lines with at least so many fields whose ids are numbers; others (NIS "+" lines, comments) say nothing about a user. */
function rows(text: string, fields: number): readonly string[][] {
  return text
    .split("\n")
    .map((line) => line.split(":"))
    .filter((row) => row.length >= fields && row[0] !== "" && isId(row[2]!));
}
