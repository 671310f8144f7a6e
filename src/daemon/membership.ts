/**
 * What a node knows of its place in the cluster, kept in its state folder: its role, the managers, and where it was told to
 * listen. With it a daemon goes on without any flag.
 */
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export interface KnownManager {
  readonly nodeId: string;
  /** "HOST:PORT" */
  readonly address: string;
}

export interface Membership {
  readonly role: "manager" | "worker";
  /** How it came in: it began the cluster, or joined. */
  readonly cameAs: "first" | "manager" | "worker";
  /** The cluster itself has said that this node is a manager: only then can it take that back. */
  readonly isConfirmed: boolean;
  /** Its manager was taken out of the cluster's managers, and the cluster has not yet said that the node is a worker. */
  readonly isExpelled: boolean;
  /** As told by --join-addr, "HOST:PORT". */
  readonly joinAddresses: readonly string[];
  /** As the cluster says, this node itself among them where it manages. */
  readonly managers: readonly KnownManager[];
  readonly settings: NodeSettings;
}

/** Flags that belong to a node's place in the cluster: told once, they stay. */
export interface NodeSettings {
  readonly hostname?: string;
  readonly controlSocket?: string;
  readonly remoteAddress?: string;
  readonly dataPathAddress?: string;
  readonly dataPathPort?: number;
}

export class MembershipError extends Error {
  override readonly name = "MembershipError";
}

/** In the state folder. */
export const MEMBERSHIP_FILE = "membership.json";

/** @returns undefined for a node that is in no cluster yet. @throws MembershipError when the file cannot be used */
export function readMembership(stateDir: string): Membership | undefined {
  const path = join(stateDir, MEMBERSHIP_FILE);
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw new MembershipError(`cannot read ${path}: ${(error as Error).message}`);
  }
  const remedy = "remove it and say by --join-addr where a manager is";
  let stored: unknown;
  try {
    stored = JSON.parse(text);
  } catch (error) {
    throw new MembershipError(`${path} is damaged (${(error as Error).message}): ${remedy}`);
  }
  if (!isMembership(stored)) throw new MembershipError(`${path} does not hold what it should: ${remedy}`);
  return stored;
}

/** In one step: a crash leaves the old file or the new one. */
export function writeMembership(stateDir: string, membership: Membership): void {
  const path = join(stateDir, MEMBERSHIP_FILE);
  writeFileSync(`${path}.new`, `${JSON.stringify(membership, null, 2)}\n`, { mode: 0o600, flush: true });
  renameSync(`${path}.new`, path);
}

/** Addresses of the managers on other nodes, those that the cluster names first. */
export function otherManagers(
  { managers, joinAddresses }: Pick<Membership, "managers" | "joinAddresses">,
  nodeId: string,
): readonly string[] {
  const own = managers.find((one) => one.nodeId === nodeId)?.address;
  const others = managers.filter((one) => one.nodeId !== nodeId).map((one) => one.address);
  return [...new Set([...others, ...joinAddresses])].filter((address) => address !== own);
}

function isMembership(value: unknown): value is Membership {
  if (typeof value !== "object" || value === null) return false;
  const { role, cameAs, joinAddresses, managers, settings, ...flags } = value as Partial<Membership>;
  return (
    (role === "manager" || role === "worker") &&
    ["first", "manager", "worker"].includes(cameAs ?? "") &&
    typeof flags.isConfirmed === "boolean" &&
    typeof flags.isExpelled === "boolean" &&
    Array.isArray(joinAddresses) &&
    joinAddresses.every((one) => typeof one === "string") &&
    Array.isArray(managers) &&
    managers.every((one) => typeof one?.nodeId === "string" && typeof one?.address === "string") &&
    typeof settings === "object" &&
    settings !== null
  );
}
