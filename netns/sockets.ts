/**
 * Sockets of Node that live in another namespace. A descriptor is made (and bound) inside the namespace and adopted by
 * `dgram` or `net`; from then on it is served by the event loop like any other, and Node closes it.
 */

import { createSocket, type Socket as UdpSocket } from "node:dgram";
import { once } from "node:events";
import { type AddressInfo, createServer, type Server, type ServerOpts, Socket as TcpSocket } from "node:net";
import { ipToBytes } from "../native-bindings/address-text.js";
import {
  AF_INET,
  AF_INET6,
  bind,
  close,
  encodeSocketAddress,
  IPV6_V6ONLY,
  SO_REUSEADDR,
  SOCK_CLOEXEC,
  SOCK_DGRAM,
  SOCK_NONBLOCK,
  SOCK_STREAM,
  SOL_IPV6,
  SOL_SOCKET,
  setsockoptInt,
  socket,
} from "../native-bindings/libc.js";
import { inNamespace, type Namespace } from "./namespace.js";

/** Where a socket is bound. */
export interface LocalAddress {
  /** "0.0.0.0" or "::" for any; IPv6 sockets take no IPv4. */
  readonly address: string;
  /** 0: the kernel chooses. */
  readonly port: number;
}

/**
 * Opens a bound UDP socket in the namespace; also a client's, with port 0.
 * @throws SystemCallError EADDRINUSE, EADDRNOTAVAIL …
 */
export async function openUdpSocket(namespace: Namespace | number, local: LocalAddress): Promise<UdpSocket> {
  const fd = boundSocket(namespace, SOCK_DGRAM, local);
  const udp = createSocket(local.address.includes(":") ? "udp6" : "udp4");
  return adopt(fd, udp, () => {
    udp.bind({ fd });
  });
}

/**
 * Listens for TCP connections in the namespace. Connections that come are in the namespace too.
 * @throws SystemCallError EADDRINUSE, EADDRNOTAVAIL …
 */
export async function listenTcp(
  namespace: Namespace | number,
  local: LocalAddress,
  onConnection: (connection: TcpSocket) => void,
  options: ServerOpts = {},
): Promise<Server> {
  const fd = boundSocket(namespace, SOCK_STREAM, local);
  const server = createServer(options, onConnection);
  return adopt(fd, server, () => {
    server.listen({ fd });
  });
}

/**
 * Starts a TCP connection from the namespace; `connect` and `error` come as with `net.connect`.
 * @param from where the connection comes from; by route when absent
 * @throws SystemCallError when no socket can be made or bound
 */
export function connectTcp(
  namespace: Namespace | number,
  to: { readonly address: string; readonly port: number },
  from?: LocalAddress,
): TcpSocket {
  const family = to.address.includes(":") ? AF_INET6 : AF_INET;
  const fd = from
    ? boundSocket(namespace, SOCK_STREAM, from)
    : inNamespace(namespace, () => openSocket(family, SOCK_STREAM));
  // Node would begin to read at once, and reading a socket that is not connected ends it.
  const connection = new TcpSocket({ fd, readable: true, writable: true, manualStart: true } as { fd: number });
  return connection.connect({ host: to.address, port: to.port });
}

/** The port that the kernel gave. */
export function portOf(listener: UdpSocket | Server): number {
  return (listener.address() as AddressInfo).port;
}

function boundSocket(namespace: Namespace | number, type: number, local: LocalAddress): number {
  const address = encodeSocketAddress(ipToBytes(local.address), local.port);
  return inNamespace(namespace, () => {
    const ipv6 = address.length > 16;
    const fd = openSocket(ipv6 ? AF_INET6 : AF_INET, type);
    try {
      if (ipv6) setsockoptInt(fd, SOL_IPV6, IPV6_V6ONLY, 1);
      if (type === SOCK_STREAM) setsockoptInt(fd, SOL_SOCKET, SO_REUSEADDR, 1);
      bind(fd, address);
      return fd;
    } catch (error) {
      close(fd);
      throw error;
    }
  });
}

function openSocket(family: number, type: number): number {
  return socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

/** Once the owner listens, the descriptor is its own and it closes it. */
async function adopt<T extends UdpSocket | Server>(fd: number, owner: T, take: () => void): Promise<T> {
  // UDP says so within bind(), TCP later: ask before.
  const listening = once(owner, "listening");
  try {
    take();
  } catch (error) {
    close(fd);
    throw error;
  }
  await listening;
  return owner;
}
