/** The node's two certificates: who can read their keys, and how long they are valid. */
import { X509Certificate } from "node:crypto";
import { dirname, join } from "node:path";
import { humanSpan } from "../../render/time-ago.js";
import { listed, octal, openTo, statOf, textOf } from "./files.js";
import { type Finding, fail, pass, type SecurityProbe, unknown, warn } from "./probe.js";
import type { SecurityWorld } from "./world.js";

const ROOT_FILE = "swarm-root-ca.crt";
const CERTIFICATE_FILE = "swarm-node.crt";
const KEY_FILE = "swarm-node.key";
/** Certificates are renewed at the latest after this part of their time. */
const RENEWED_BY = 0.8;
/** Within this part a renewal that failed at first comes through. */
const PATIENCE = 0.05;

/** Where the agent's certificate lies. */
export function agentCertificates(world: SecurityWorld): string | undefined {
  return folderIn(world, "certificates");
}

function managerCertificates(world: SecurityWorld): string | undefined {
  return folderIn(world, join("manager", "certificates"));
}

function folderIn({ info }: SecurityWorld, name: string): string | undefined {
  return info && info.stateDir !== "" && info.nodeId !== "" ? join(info.stateDir, name) : undefined;
}

/** PEM; undefined when there are none. @throws when they may not be read */
export function agentIdentity(world: SecurityWorld): { roots: string; certificate: string; key: string } | undefined {
  const folder = agentCertificates(world);
  if (folder === undefined) return undefined;
  const [roots, certificate, key] = [ROOT_FILE, CERTIFICATE_FILE, KEY_FILE].map((name) => textOf(join(folder, name)));
  return roots && certificate && key ? { roots, certificate, key } : undefined;
}

export const agentFiles: SecurityProbe = {
  name: "agent certificate files",
  describe: "the agent's key is readable for root alone",
  remedy:
    "chown root and chmod 600 the key, chmod 644 the certificates; if others could read the key: leave and join again",
  probe: async (world) => filesIn(agentCertificates(world), world.agent?.uid ?? 0),
};

export const managerFiles: SecurityProbe = {
  name: "manager certificate files",
  describe: "the manager's key is readable for the manager's user alone",
  remedy: "chown them to the manager's user, chmod 600 the key; if others could read it: demote and promote the node",
  probe: async (world) => {
    const folder = managerCertificates(world);
    const owner = folder === undefined ? undefined : statOf(dirname(folder))?.uid;
    return owner === undefined ? undefined : filesIn(folder, world.manager?.uid ?? owner);
  },
};

function filesIn(folder: string | undefined, uid: number): Finding | undefined {
  const inside = folder === undefined ? undefined : statOf(folder);
  if (folder === undefined || inside === undefined) return undefined;
  const faults: string[] = [];
  if ((inside.mode & 0o022) !== 0) faults.push(`${folder} has mode ${octal(inside.mode)}`);
  for (const name of [ROOT_FILE, CERTIFICATE_FILE, KEY_FILE]) {
    const path = join(folder, name);
    const stats = statOf(path);
    if (stats === undefined) {
      faults.push(`${path} is missing`);
      continue;
    }
    if (stats.uid !== uid) faults.push(`${path} belongs to user ${stats.uid}, not ${uid}`);
    const open = name === KEY_FILE ? openTo(stats) : (stats.mode & 0o022) !== 0 ? `mode ${octal(stats.mode)}` : "";
    if (open !== "") faults.push(`${path} has ${open}`);
  }
  return faults.length > 0 ? fail(listed(faults)) : pass(`${folder}: owned by user ${uid}, key ${octal(0o600)}`);
}

export const agentExpiry: SecurityProbe = {
  name: "agent certificate",
  describe: "the agent's certificate is valid and is renewed in time",
  remedy:
    "see that a manager can be reached and that the clocks agree; a node whose certificate has expired renews it, or joins again",
  probe: async (world) => expiryIn(agentCertificates(world), world.nowMs),
};

export const managerExpiry: SecurityProbe = {
  name: "manager certificate",
  describe: "the manager's certificate is valid and is renewed in time",
  remedy: "see that a manager leads and that the clocks agree; restart the manager to let it ask at once",
  probe: async (world) => expiryIn(managerCertificates(world), world.nowMs),
};

function expiryIn(folder: string | undefined, nowMs: number): Finding | undefined {
  const pem = folder === undefined ? undefined : textOf(join(folder, CERTIFICATE_FILE));
  if (pem === undefined) return undefined;
  const { validFrom, validTo } = new X509Certificate(pem);
  return judgeValidity(Date.parse(validFrom), Date.parse(validTo), nowMs);
}

/** All in milliseconds since 1970. */
export function judgeValidity(notBeforeMs: number, notAfterMs: number, nowMs: number): Finding {
  const lifetimeMs = notAfterMs - notBeforeMs;
  if (!(lifetimeMs > 0)) return unknown("its dates cannot be read");
  if (nowMs >= notAfterMs) return fail(`it expired ${humanSpan(nowMs - notAfterMs)} ago`);
  if (nowMs < notBeforeMs) return fail(`it is not valid before ${new Date(notBeforeMs).toISOString()}`);
  const passed = (nowMs - notBeforeMs) / lifetimeMs;
  const text = `expires in ${humanSpan(notAfterMs - nowMs)}, ${Math.floor(passed * 100)} % of its time is over`;
  return passed > RENEWED_BY + PATIENCE ? warn(`${text}: it should have been renewed`) : pass(text);
}
