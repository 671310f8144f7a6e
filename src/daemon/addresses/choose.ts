/**
 * Which addresses a node listens at, tells others, and carries overlays with: from what the user says and what the host has. Pure; the
 * rules and the words are those of Docker's `swarm init`.
 */
import { isIPv4, isIPv6 } from "node:net";
import { formatHostPort, parseHostPort } from "./host-port.js";
import type { HostInterface } from "./interfaces.js";

/** What was asked for cannot be. One clear line. */
export class AddressError extends Error {
  override readonly name = "AddressError";
}

export interface AddressWishes {
  /** "" or absent: {@link DEFAULT_LISTEN}. */
  readonly listen?: string;
  readonly advertise?: string;
  readonly dataPath?: string;
}

export interface NodeAddresses {
  /** "ADDRESS:PORT" */
  readonly listen: string;
  /** "ADDRESS:PORT"; undefined where others see it by themselves: on a node that joins. */
  readonly advertise: string | undefined;
  /** An address of this host; undefined: that which leads to the others. */
  readonly dataPath: string | undefined;
}

export const DEFAULT_PORT = 2377;
export const DEFAULT_LISTEN = `0.0.0.0:${DEFAULT_PORT}`;

const BAD_LISTEN = "listen address must be an IP address or network interface (with optional port number)";
const BAD_ADVERTISE =
  "advertise address must be a non-zero IP address or network interface (with optional port number)";
const BAD_DATA_PATH = "data path address must be a non-zero IP address or network interface";
const NO_ADDRESS = "could not find the system's IP address";
const CHOOSE = "could not choose an IP address to advertise since this system has multiple addresses";
const REMEDY = "specify one with --advertise-addr";

/** Of the first manager of a cluster, which has to know where others reach it. @throws AddressError */
export function addressesToInit(wishes: AddressWishes, interfaces: readonly HostInterface[]): NodeAddresses {
  const { host, port, listen } = listenAddress(wishes.listen, interfaces);
  const advertise =
    advertiseAddress(wishes.advertise, port, interfaces) ??
    formatHostPort(isUnspecified(host) ? systemAddress(interfaces) : host, port);
  return { listen, advertise, dataPath: dataPathAddress(wishes.dataPath, interfaces) };
}

/** Of a node that joins: the way to the managers says what nobody has chosen. @throws AddressError */
export function addressesToJoin(wishes: AddressWishes, interfaces: readonly HostInterface[]): NodeAddresses {
  const { host, port, listen } = listenAddress(wishes.listen, interfaces);
  const advertise = advertiseAddress(wishes.advertise, port, interfaces);
  return {
    listen,
    advertise: advertise ?? (isUnspecified(host) ? undefined : formatHostPort(host, port)),
    dataPath: dataPathAddress(wishes.dataPath, interfaces),
  };
}

/**
 * The host's only address. Devices count first; where there is none (in a container), whatever is up and no bridge.
 * @throws AddressError with all of them where there are several
 */
export function systemAddress(interfaces: readonly HostInterface[]): string {
  const candidates = interfaces.filter(({ isUp, kind, name }) => isUp && kind !== "loopback" && name !== "lo");
  const devices = candidates.filter(({ kind, addresses }) => kind === "" && addresses.some(isGlobal));
  const found = (devices.length > 0 ? devices : candidates.filter(({ kind }) => kind !== "bridge")).flatMap(
    ({ name, addresses }) => preferred(addresses).map((address) => ({ name, address })),
  );
  const [only, ...others] = found;
  if (!only) throw new AddressError(`${NO_ADDRESS} - ${REMEDY}`);
  if (others.length === 0) return only.address;
  if (others.every(({ name }) => name === only.name)) {
    const all = inWords(found.map(({ address }) => address));
    throw new AddressError(`${CHOOSE} on interface ${only.name} (${all}) - ${REMEDY}`);
  }
  const all = inWords(found.map(({ name, address }) => `${address} on ${name}`));
  throw new AddressError(`${CHOOSE} on different interfaces (${all}) - ${REMEDY}`);
}

function listenAddress(wish: string | undefined, interfaces: readonly HostInterface[]) {
  const parsed = parseHostPort(wish || DEFAULT_LISTEN);
  const host = parsed && (addressOf(parsed.host, interfaces) ?? parsed.host);
  if (!host || !isAddress(host) || isMulticast(host)) throw new AddressError(`${wish}: ${BAD_LISTEN}`);
  const port = parsed.port ?? DEFAULT_PORT;
  return { host, port, listen: formatHostPort(host, port) };
}

function advertiseAddress(
  wish: string | undefined,
  listenPort: number,
  interfaces: readonly HostInterface[],
): string | undefined {
  if (!wish) return undefined;
  const parsed = parseHostPort(wish);
  const host = parsed && (addressOf(parsed.host, interfaces) ?? parsed.host);
  if (!host || !isReachable(host)) throw new AddressError(`${wish}: ${BAD_ADVERTISE}`);
  return formatHostPort(host, parsed.port ?? listenPort);
}

function dataPathAddress(wish: string | undefined, interfaces: readonly HostInterface[]): string | undefined {
  if (!wish) return undefined;
  const address = addressOf(wish, interfaces) ?? wish;
  if (!isReachable(address)) throw new AddressError(`${wish}: ${BAD_DATA_PATH}`);
  if (!isIPv4(address)) throw new AddressError(`${wish}: overlays are carried by IPv4 alone`);
  if (!interfaces.some(({ addresses }) => addresses.includes(address))) {
    throw new AddressError(`${wish}: this host has no such address`);
  }
  return address;
}

/** @returns undefined where no interface has that name */
function addressOf(name: string, interfaces: readonly HostInterface[]): string | undefined {
  const found = interfaces.find((one) => one.name === name);
  if (!found) return undefined;
  const [first] = found.addresses;
  if (first === undefined) throw new AddressError(`interface ${name} has no usable IPv4 or IPv6 address`);
  const family = isIPv4(first) ? isIPv4 : isIPv6;
  const several = found.addresses.filter((address) => family(address));
  const global = several.filter(isGlobal);
  const usable = global.length > 0 ? global : several;
  if (usable.length === 1) return usable[0];
  const version = isIPv4(first) ? "IPv4" : "IPv6";
  throw new AddressError(`interface ${name} has more than one ${version} address (${inWords(usable)})`);
}

/** IPv4 where there is any. */
function preferred(addresses: readonly string[]): readonly string[] {
  const global = addresses.filter(isGlobal);
  const v4 = global.filter((address) => isIPv4(address));
  return v4.length > 0 ? v4 : global;
}

function isAddress(text: string): boolean {
  return isIPv4(text) || isIPv6(text);
}

function isReachable(text: string): boolean {
  return isAddress(text) && !isUnspecified(text) && !isMulticast(text) && text !== "255.255.255.255";
}

export function isUnspecified(host: string): boolean {
  return host === "0.0.0.0" || (isIPv6(host) && /^[0:.]+$/.test(host));
}

function isMulticast(host: string): boolean {
  if (isIPv4(host)) {
    const first = Number(host.split(".")[0]);
    return first >= 224 && first < 240;
  }
  return /^ff/i.test(host);
}

/** Neither of this host alone nor of one link alone. */
function isGlobal(address: string): boolean {
  if (isIPv4(address)) return isReachable(address) && !/^127\.|^169\.254\./.test(address);
  return isReachable(address) && address !== "::1" && !/^fe[89ab]/i.test(address);
}

function inWords(values: readonly string[]): string {
  return `${values.slice(0, -1).join(", ")} and ${values.at(-1)}`;
}
