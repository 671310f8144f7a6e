/** What this host is to the cluster: the address and link that carry the overlays. */
import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import { RouteSocket } from "../../native-bindings/index.js";
import { underlayPath } from "../../overlay/underlay.js";

export interface Underlay {
  /** The address that other nodes send VXLAN packets to. */
  readonly address: string;
  readonly linkName: string;
  /** Of the way to the manager, or of the link, in bytes. */
  readonly mtu: number;
}

export class HostFactsError extends Error {
  override readonly name = "HostFactsError";
}

export interface UnderlayQuestion {
  /** Chosen by the user. */
  readonly dataPathAddress?: string;
  /** The address that a manager listens at for nodes. */
  readonly listenAddress?: string;
  /** Managers on other hosts, "HOST:PORT" each. */
  readonly managerAddresses: readonly string[];
}

/** @throws HostFactsError when no address, or no single one, is right */
export async function findUnderlay(question: UnderlayQuestion): Promise<Underlay> {
  const managerAddress = await resolveFirst(question.managerAddresses.map(hostOf));
  using socket = RouteSocket.open();
  const links = new Map(socket.links().map((link) => [link.index, link]));
  const addresses = socket
    .addresses()
    .filter((one) => isIP(one.address) === 4)
    .map((one) => ({ address: one.address, link: links.get(one.linkIndex)! }));
  const wanted = question.dataPathAddress ?? specific(question.listenAddress) ?? sourceTowards(socket, managerAddress);
  if (wanted) {
    const found = addresses.find((one) => one.address === wanted);
    if (!found) throw new HostFactsError(`${wanted} is no address of this host: it has ${list(addresses)}`);
    return underlay(found, managerAddress);
  }
  const candidates = addresses.filter(
    ({ link }) => link.up && link.kind !== "loopback" && link.name !== "lo" && link.kind !== "bridge",
  );
  if (candidates.length === 0) throw new HostFactsError("this host has no IPv4 address that other hosts could reach");
  if (candidates.length > 1) {
    throw new HostFactsError(
      `this host has several addresses: ${list(candidates)}. Say which carries the overlays: --data-path-addr`,
    );
  }
  return underlay(candidates[0]!, managerAddress);
}

interface Candidate {
  readonly address: string;
  readonly link: { readonly name: string; readonly mtu: number };
}

function underlay({ address, link }: Candidate, managerAddress: string | undefined): Underlay {
  return { address, linkName: link.name, mtu: underlayPath(managerAddress ?? address).mtu ?? link.mtu };
}

function list(candidates: readonly Candidate[]): string {
  return candidates.map(({ address, link }) => `${address} (${link.name})`).join(", ");
}

function specific(listenAddress: string | undefined): string | undefined {
  if (!listenAddress) return undefined;
  const host = hostOf(listenAddress);
  return host === "0.0.0.0" || host.startsWith("127.") ? undefined : host;
}

function sourceTowards(socket: RouteSocket, managerAddress: string | undefined): string | undefined {
  if (!managerAddress) return undefined;
  try {
    const source = socket.routeTo({ destination: managerAddress }).preferredSource;
    return source?.startsWith("127.") ? undefined : source;
  } catch (error) {
    throw new HostFactsError(`no route leads to the manager: ${(error as Error).message}`);
  }
}

/** One of several names is enough. @throws HostFactsError when there are some and none has an address */
async function resolveFirst(hosts: readonly string[]): Promise<string | undefined> {
  const known = hosts.find((host) => isIP(host) === 4);
  if (known !== undefined) return known;
  const errors: string[] = [];
  for (const host of hosts) {
    try {
      return (await lookup(host, 4)).address;
    } catch (error) {
      errors.push(`${host} has no address (${(error as NodeJS.ErrnoException).code})`);
    }
  }
  if (errors.length === 0) return undefined;
  throw new HostFactsError(`no manager can be found: ${errors.join(", ")}`);
}

function hostOf(address: string): string {
  return address.slice(0, address.lastIndexOf(":"));
}
