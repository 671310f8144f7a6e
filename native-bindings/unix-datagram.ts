/** One datagram to a unix socket (unix(7)): Node speaks to streams alone. */
import { close, MSG_DONTWAIT, SOCK_CLOEXEC, SOCK_DGRAM, sendto, socket } from "./libc.js";

const AF_UNIX = 1;
/** sun_path, less the final zero. */
const MAX_PATH_BYTES = 107;

/**
 * @param path of the socket; "@name" is one in the abstract namespace
 * @throws SystemCallError, also when the receiver's queue is full; RangeError for a path that is too long
 */
export function sendUnixDatagram(path: string, data: Uint8Array): void {
  const address = encodeUnixAddress(path);
  const fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  try {
    sendto(fd, data, data.length, MSG_DONTWAIT, address);
  } finally {
    close(fd);
  }
}

/** sockaddr_un: the family, then the path; an abstract name begins with a zero and ends where the address does. */
function encodeUnixAddress(path: string): Buffer {
  const isAbstract = path.startsWith("@");
  const name = Buffer.from(isAbstract ? `\0${path.slice(1)}` : `${path}\0`);
  if (name.length > MAX_PATH_BYTES + 1) throw new RangeError(`${path}: longer than a unix socket's path can be`);
  const family = Buffer.alloc(2);
  family.writeUInt16LE(AF_UNIX);
  return Buffer.concat([family, name]);
}
