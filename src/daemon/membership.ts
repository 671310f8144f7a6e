/**
 * What a node knows of its place in the cluster, kept in its state folder: who it is, its role, the managers, and where it was told to
 * listen. With it a daemon goes on without any flag; without it the node is in no cluster.
 */
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export interface KnownManager {
  readonly nodeId: string;
  /** "HOST:PORT" */
  readonly address: string;
}

export interface Membership {
  readonly nodeId: string;
  readonly role: "manager" | "worker";
  /** Its manager was taken out of the cluster's managers, and the cluster has not yet said that the node is a worker. */
  readonly isExpelled: boolean;
  /** As told when it joined, "HOST:PORT". */
  readonly joinAddresses: readonly string[];
  /** As the cluster says, this node itself among them where it manages. */
  readonly managers: readonly KnownManager[];
  readonly settings: NodeSettings;
}

/** What belongs to a node's place in the cluster: told once, it stays. */
export interface NodeSettings {
  readonly hostname?: string;
  readonly controlSocket?: string;
  /** "ADDRESS:PORT" that a manager listens at. */
  readonly listenAddress?: string;
  /** "ADDRESS:PORT" that others are told; absent: that which leads to the managers. */
  readonly advertiseAddress?: string;
  readonly dataPathAddress?: string;
  /** Of the whole cluster. */
  readonly dataPathPort?: number;
}

const NODE_ID = /^[0-9a-z]{25}$/;

export class MembershipError extends Error {
  override readonly name = "MembershipError";
}

/** In the state folder. */
const MEMBERSHIP_FILE = "membership.json";
/** While it is there and {@link MEMBERSHIP_FILE} is not, a cluster is being begun or joined: what lies beside it is of no use to anybody. */
const MARK_FILE = "joining";

/** @returns undefined for a node that is in no cluster yet. @throws MembershipError when the file cannot be used */
export function readMembership(stateDir: string): Membership | undefined {
  const [path] = membershipFiles(stateDir);
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw new MembershipError(`cannot read ${path}: ${(error as Error).message}`);
  }
  const remedy = "put back a copy of it, or empty the state folder and join again";
  let stored: unknown;
  try {
    stored = JSON.parse(text);
  } catch (error) {
    throw new MembershipError(`${path} is damaged (${(error as Error).message}): ${remedy}`);
  }
  if (!isMembership(stored)) throw new MembershipError(`${path} does not hold what it should: ${remedy}`);
  return stored;
}

/** In one step: a crash leaves the old file or the new one. From then on the node is a member. */
export function writeMembership(stateDir: string, membership: Membership): void {
  const [path, fresh] = membershipFiles(stateDir);
  writeFileSync(fresh, `${JSON.stringify(membership, null, 2)}\n`, { mode: 0o600, flush: true });
  renameSync(fresh, path);
}

/** Also what a crash within {@link writeMembership} left. */
export function removeMembership(stateDir: string): void {
  for (const path of membershipFiles(stateDir)) rmSync(path, { force: true });
}

/** A crash from here to {@link writeMembership} leaves what the next start has to remove. */
export function markJoining(stateDir: string): void {
  writeFileSync(join(stateDir, MARK_FILE), "", { mode: 0o600, flush: true });
}

export function isMarkedJoining(stateDir: string): boolean {
  return existsSync(join(stateDir, MARK_FILE));
}

export function unmarkJoining(stateDir: string): void {
  rmSync(join(stateDir, MARK_FILE), { force: true });
}

/** Addresses of the managers on other nodes, those that the cluster names first. */
export function otherManagers({ nodeId, managers, joinAddresses }: OwnManagers): readonly string[] {
  const own = managers.find((one) => one.nodeId === nodeId)?.address;
  const others = managers.filter((one) => one.nodeId !== nodeId).map((one) => one.address);
  return [...new Set([...others, ...joinAddresses])].filter((address) => address !== own);
}

type OwnManagers = Pick<Membership, "nodeId" | "managers" | "joinAddresses">;

function membershipFiles(stateDir: string): [file: string, fresh: string] {
  const file = join(stateDir, MEMBERSHIP_FILE);
  return [file, `${file}.new`];
}

function isMembership(value: unknown): value is Membership {
  if (typeof value !== "object" || value === null) return false;
  const { nodeId, role, isExpelled, joinAddresses, managers, settings } = value as Partial<Membership>;
  return (
    typeof nodeId === "string" &&
    NODE_ID.test(nodeId) &&
    (role === "manager" || role === "worker") &&
    typeof isExpelled === "boolean" &&
    Array.isArray(joinAddresses) &&
    joinAddresses.every((one) => typeof one === "string") &&
    Array.isArray(managers) &&
    managers.every((one) => typeof one?.nodeId === "string" && typeof one?.address === "string") &&
    typeof settings === "object" &&
    settings !== null
  );
}
