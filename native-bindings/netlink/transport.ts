/** How bytes reach the kernel and come back: the only part of a netlink socket with system calls, so that the rest can be tested without. */
import {
  AF_NETLINK,
  bind,
  close,
  encodeNetlinkAddress,
  getsockname,
  MSG_DONTWAIT,
  MSG_TRUNC,
  pollInput,
  recv,
  SO_RCVBUFFORCE,
  SO_SNDBUFFORCE,
  SOCK_CLOEXEC,
  SOCK_RAW,
  SOL_NETLINK,
  SOL_SOCKET,
  sendto,
  setsockoptInt,
  socket,
} from "../libc.js";
import { NETLINK_CAP_ACK, NETLINK_EXT_ACK, NETLINK_GET_STRICT_CHK } from "./constants.js";
import { NetlinkOverrunError } from "./errors.js";

export interface NetlinkTransport {
  readonly fd: number;
  /** The socket's address among the namespace's netlink sockets. */
  readonly portId: number;
  /** Sends one datagram to the kernel. @throws SystemCallError */
  send(datagram: Buffer): void;
  /**
   * Takes one waiting datagram.
   * @returns its full length (it was cut when that is more than `into` holds), or undefined when none waits
   * @throws NetlinkOverrunError when the kernel had no room for a datagram and dropped it; SystemCallError
   */
  receive(into: Buffer): number | undefined;
  /** Waits, blocking the thread. @returns whether something can be received; false also when a signal came */
  wait(timeoutMs: number): boolean;
  close(): void;
}

export interface NetlinkTransportOptions {
  /** NETLINK_GET_STRICT_CHK: the kernel checks dump requests fully and filters by them. Default true. */
  readonly strictCheck?: boolean;
}

const KERNEL = encodeNetlinkAddress(0, 0);
const SOCKET_BUFFER_BYTES = 8 * 1024 * 1024;

/** Opens a socket in the thread's current network namespace. @throws SystemCallError */
export function openKernelTransport(protocol: number, options: NetlinkTransportOptions = {}): NetlinkTransport {
  const fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);
  try {
    bind(fd, encodeNetlinkAddress(0, 0));
    setsockoptInt(fd, SOL_NETLINK, NETLINK_EXT_ACK, 1);
    setsockoptInt(fd, SOL_NETLINK, NETLINK_CAP_ACK, 1);
    if (options.strictCheck ?? true) setsockoptInt(fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, 1);
    enlargeBuffer(fd, SO_RCVBUFFORCE);
    enlargeBuffer(fd, SO_SNDBUFFORCE);
    return new KernelTransport(fd, getsockname(fd).readUInt32LE(4));
  } catch (error) {
    close(fd);
    throw error;
  }
}

class KernelTransport implements NetlinkTransport {
  #open = true;

  constructor(
    readonly fd: number,
    readonly portId: number,
  ) {}

  send(datagram: Buffer): void {
    sendto(this.fd, datagram, datagram.length, 0, KERNEL);
  }

  receive(into: Buffer): number | undefined {
    try {
      return recv(this.fd, into, MSG_DONTWAIT | MSG_TRUNC);
    } catch (error) {
      if ((error as { code?: string }).code !== "ENOBUFS") throw error;
      throw new NetlinkOverrunError("the kernel dropped netlink messages: the receive buffer was full");
    }
  }

  wait(timeoutMs: number): boolean {
    return pollInput(this.fd, timeoutMs);
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    close(this.fd);
  }
}

/** SO_*BUFFORCE needs CAP_NET_ADMIN in the first user namespace; without it the default size stays, which small requests fit. */
function enlargeBuffer(fd: number, option: number): void {
  try {
    setsockoptInt(fd, SOL_SOCKET, option, SOCKET_BUFFER_BYTES);
  } catch (error) {
    if ((error as { code?: string }).code !== "EPERM") throw error;
  }
}
