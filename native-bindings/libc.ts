/**
 * The libc calls that Node has no binding for, made synchronously on the calling thread.
 *
 * None of them may block: a blocking call stalls the event loop, and koffi's asynchronous calls run on libuv's
 * pool, where four blocked calls stall `fs`. Only {@link poll} waits, and it belongs in a Worker.
 */
import koffi from "koffi";
import { SystemCallError } from "./system-call-error.js";

const libc = koffi.load("libc.so.6");

const c = {
  socket: libc.func("int socket(int domain, int type, int protocol)"),
  bind: libc.func("int bind(int fd, const void *address, unsigned int length)"),
  getsockname: libc.func("int getsockname(int fd, void *address, void *length)"),
  setsockopt: libc.func("int setsockopt(int fd, int level, int name, const void *value, unsigned int length)"),
  sendto: libc.func(
    "long sendto(int fd, const void *data, size_t length, int flags, const void *address, unsigned int addressLength)",
  ),
  recv: libc.func("long recv(int fd, void *data, size_t length, int flags)"),
  close: libc.func("int close(int fd)"),
  poll: libc.func("int poll(void *fds, unsigned long count, int timeout)"),
  setns: libc.func("int setns(int fd, int type)"),
  unshare: libc.func("int unshare(int flags)"),
  mount: libc.func(
    "int mount(const char *source, const char *target, const char *type, unsigned long flags, const char *data)",
  ),
  umount2: libc.func("int umount2(const char *target, int flags)"),
  mkfifo: libc.func("int mkfifo(const char *path, unsigned int mode)"),
  abort: libc.func("void abort()"),
};

function fail(syscall: string, ...args: readonly (string | number)[]): never {
  throw new SystemCallError(syscall, args.join(", "), koffi.errno());
}

export const AF_INET = 2;
export const AF_BRIDGE = 7;
export const AF_INET6 = 10;
export const AF_NETLINK = 16;

export const SOCK_STREAM = 1;
export const SOCK_DGRAM = 2;
export const SOCK_RAW = 3;
export const SOCK_NONBLOCK = 0x800;
export const SOCK_CLOEXEC = 0x80000;

export const SOL_SOCKET = 1;
export const SO_REUSEADDR = 2;
export const SO_SNDBUFFORCE = 32;
export const SO_RCVBUFFORCE = 33;
export const SOL_NETLINK = 270;
export const SOL_IPV6 = 41;
export const IPV6_V6ONLY = 26;

export const MSG_PEEK = 2;
export const MSG_DONTWAIT = 0x40;
export const MSG_TRUNC = 0x20;

export const POLLIN = 1;

export const CLONE_FS = 0x00000200;
export const CLONE_NEWNS = 0x00020000;
export const CLONE_NEWNET = 0x40000000;

export const MS_NOSUID = 2;
export const MS_NODEV = 4;
export const MS_NOEXEC = 8;
export const MS_BIND = 0x1000;
export const MS_REC = 0x4000;
export const MS_PRIVATE = 0x40000;
export const MS_SHARED = 0x100000;
export const MNT_DETACH = 2;
export const UMOUNT_NOFOLLOW = 8;

/** socket(2). @returns a descriptor the caller closes. @throws SystemCallError */
export function socket(domain: number, type: number, protocol: number): number {
  const fd = c.socket(domain, type, protocol) as number;
  return fd < 0 ? fail("socket", domain, type, protocol) : fd;
}

/** bind(2) with an encoded address; see {@link encodeSocketAddress} and {@link encodeNetlinkAddress}. @throws SystemCallError */
export function bind(fd: number, address: Uint8Array): void {
  if ((c.bind(fd, address, address.length) as number) < 0) fail("bind", fd, describeAddress(address));
}

/** getsockname(2). @returns the encoded address, cut to its length. @throws SystemCallError */
export function getsockname(fd: number): Buffer {
  const address = Buffer.alloc(128);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(address.length);
  if ((c.getsockname(fd, address, length) as number) < 0) fail("getsockname", fd);
  return address.subarray(0, length.readUInt32LE());
}

/** setsockopt(2) with an `int` value. @throws SystemCallError */
export function setsockoptInt(fd: number, level: number, name: number, value: number): void {
  const encoded = Buffer.alloc(4);
  encoded.writeInt32LE(value);
  if ((c.setsockopt(fd, level, name, encoded, 4) as number) < 0) fail("setsockopt", fd, level, name, value);
}

/** sendto(2) to the given encoded address. @returns bytes sent. @throws SystemCallError */
export function sendto(fd: number, data: Uint8Array, length: number, flags: number, address: Uint8Array): number {
  const sent = c.sendto(fd, data, length, flags, address, address.length) as number;
  return sent < 0 ? fail("sendto", fd, `${length} bytes`) : sent;
}

/** recv(2). @returns bytes received, or `undefined` when nothing waits (EAGAIN). @throws SystemCallError */
export function recv(fd: number, into: Uint8Array, flags: number): number | undefined {
  for (;;) {
    const received = c.recv(fd, into, into.length, flags) as number;
    if (received >= 0) return received;
    const errno = koffi.errno();
    if (errno === koffi.os.errno.EAGAIN) return undefined;
    if (errno !== koffi.os.errno.EINTR) return fail("recv", fd, `${into.length} bytes`);
  }
}

/** poll(2) for input on one descriptor; blocks its thread. @returns whether something can be read; false also when a signal came. @throws SystemCallError */
export function pollInput(fd: number, timeoutMs: number): boolean {
  const entry = Buffer.alloc(8);
  entry.writeInt32LE(fd, 0);
  entry.writeInt16LE(POLLIN, 4);
  const ready = c.poll(entry, 1, timeoutMs) as number;
  if (ready >= 0) return ready > 0;
  return koffi.errno() === koffi.os.errno.EINTR ? false : fail("poll", fd, timeoutMs);
}

/**
 * close(2), for descriptors that were made here: in a Worker, `fs.closeSync` warns of those that `fs` has not opened.
 * @throws SystemCallError
 */
export function close(fd: number): void {
  if ((c.close(fd) as number) < 0) fail("close", fd);
}

/** setns(2) for the calling thread. @throws SystemCallError */
export function setns(fd: number, type: number): void {
  if ((c.setns(fd, type) as number) < 0) fail("setns", fd, `0x${type.toString(16)}`);
}

/** unshare(2) for the calling thread. @throws SystemCallError */
export function unshare(flags: number): void {
  if ((c.unshare(flags) as number) < 0) fail("unshare", `0x${flags.toString(16)}`);
}

/** mount(2). @throws SystemCallError */
export function mount(
  source: string,
  target: string,
  type: string | null,
  flags: number,
  data: string | null = null,
): void {
  if ((c.mount(source, target, type, flags, data) as number) < 0) {
    fail("mount", source, target, type ?? "none", `0x${flags.toString(16)}`);
  }
}

/** umount2(2). @throws SystemCallError */
export function umount2(target: string, flags: number): void {
  if ((c.umount2(target, flags) as number) < 0) fail("umount2", target, flags);
}

/** mkfifo(3); the file mask counts. @throws SystemCallError */
export function mkfifo(path: string, mode: number): void {
  if ((c.mkfifo(path, mode) as number) < 0) fail("mkfifo", path, `0${mode.toString(8)}`);
}

/** abort(3): ends the whole process with SIGABRT. A Worker has no `process.abort`. */
export function abort(): never {
  c.abort();
  throw new Error("abort returned");
}

/** struct sockaddr_nl of linux/netlink.h: 12 bytes. */
export function encodeNetlinkAddress(portId: number, groups: number): Buffer {
  const address = Buffer.alloc(12);
  address.writeUInt16LE(AF_NETLINK, 0);
  address.writeUInt32LE(portId, 4);
  address.writeUInt32LE(groups, 8);
  return address;
}

/** struct sockaddr_in (16 bytes) or sockaddr_in6 (28 bytes) from raw address bytes (4 or 16) and a port. */
export function encodeSocketAddress(addressBytes: Uint8Array, port: number): Buffer {
  if (addressBytes.length === 4) {
    const address = Buffer.alloc(16);
    address.writeUInt16LE(AF_INET, 0);
    address.writeUInt16BE(port, 2);
    address.set(addressBytes, 4);
    return address;
  }
  if (addressBytes.length !== 16) throw new RangeError(`an IP address has 4 or 16 bytes, not ${addressBytes.length}`);
  const address = Buffer.alloc(28);
  address.writeUInt16LE(AF_INET6, 0);
  address.writeUInt16BE(port, 2);
  address.set(addressBytes, 8);
  return address;
}

function describeAddress(address: Uint8Array): string {
  return Buffer.from(address).toString("hex");
}
