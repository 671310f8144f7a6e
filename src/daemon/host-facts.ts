/** What this host is to the cluster: where others reach it, and the address and link that carry the overlays. */
import { lookup } from "node:dns/promises";
import { isIPv4 } from "node:net";
import { RouteSocket } from "../../native-bindings/index.js";
import { underlayPath } from "../../overlay/underlay.js";
import { isUnspecified, systemAddress } from "./addresses/choose.js";
import { formatHostPort, parseHostPort } from "./addresses/host-port.js";
import { type HostInterface, hostInterfaces } from "./addresses/interfaces.js";

export interface Underlay {
  /** The address that other nodes send VXLAN packets to. */
  readonly address: string;
  readonly linkName: string;
  /** Of the way to the manager, or of the link, in bytes. */
  readonly mtu: number;
}

export interface HostPlace {
  /** "HOST:PORT" that others are told. */
  readonly advertiseAddress: string;
  readonly underlay: Underlay;
}

export class HostFactsError extends Error {
  override readonly name = "HostFactsError";
}

export interface PlaceQuestion {
  /** "ADDRESS:PORT" */
  readonly listenAddress: string;
  /** "ADDRESS:PORT", as chosen; absent: that which leads to the managers. */
  readonly advertiseAddress?: string;
  /** As chosen. */
  readonly dataPathAddress?: string;
  /** Managers on other hosts, "HOST:PORT" each. */
  readonly managerAddresses: readonly string[];
}

/** @throws HostFactsError, AddressError when no address, or no single one, is right */
export async function findPlace(question: PlaceQuestion): Promise<HostPlace> {
  const interfaces = hostInterfaces();
  const manager = await resolveFirst(question.managerAddresses.map(hostOf));
  const towards = manager && sourceTowards(manager);
  const advertiseAddress =
    question.advertiseAddress ??
    formatHostPort(towards ?? systemAddress(interfaces), parseHostPort(question.listenAddress)!.port!);
  const own = (address: string) => linkWith(interfaces, address) !== undefined;
  const listened = hostOf(question.listenAddress);
  // An advertised address may be another's, that leads here by translation.
  const address =
    question.dataPathAddress ??
    [hostOf(advertiseAddress), listened, towards ?? ""].find((one) => isIPv4(one) && !isUnspecified(one) && own(one)) ??
    systemAddress(interfaces);
  return { advertiseAddress, underlay: underlayAt(interfaces, address, manager) };
}

function underlayAt(interfaces: readonly HostInterface[], address: string, manager: string | undefined): Underlay {
  const link = linkWith(interfaces, address);
  if (!isIPv4(address) || !link) {
    throw new HostFactsError(
      `${address} cannot carry the overlays: an IPv4 address of this host is due (--data-path-addr), which has ${list(interfaces)}`,
    );
  }
  return { address, linkName: link.name, mtu: underlayPath(manager ?? address).mtu ?? link.mtu };
}

function linkWith(interfaces: readonly HostInterface[], address: string): HostInterface | undefined {
  return interfaces.find(({ addresses }) => addresses.includes(address));
}

function list(interfaces: readonly HostInterface[]): string {
  const all = interfaces.flatMap(({ name, addresses }) =>
    addresses.filter((address) => isIPv4(address)).map((address) => `${address} (${name})`),
  );
  return all.join(", ") || "none";
}

/** @returns undefined where the manager is on this host, or nowhere to be reached at present */
function sourceTowards(manager: string): string | undefined {
  using socket = RouteSocket.open();
  try {
    const source = socket.routeTo({ destination: manager }).preferredSource;
    return source?.startsWith("127.") ? undefined : source;
  } catch (error) {
    throw new HostFactsError(`no route leads to the manager: ${(error as Error).message}`);
  }
}

/** One of several names is enough. @throws HostFactsError when there are some and none has an address */
async function resolveFirst(hosts: readonly string[]): Promise<string | undefined> {
  const known = hosts.find((host) => isIPv4(host));
  if (known !== undefined) return known;
  const errors: string[] = [];
  for (const host of hosts) {
    try {
      return (await lookup(host)).address;
    } catch (error) {
      errors.push(`${host} has no address (${(error as NodeJS.ErrnoException).code})`);
    }
  }
  if (errors.length === 0) return undefined;
  throw new HostFactsError(`no manager can be found: ${errors.join(", ")}`);
}

function hostOf(address: string): string {
  return parseHostPort(address)?.host ?? address;
}
