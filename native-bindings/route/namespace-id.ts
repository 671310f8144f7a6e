/** Ids by which one network namespace knows another: include/uapi/linux/net_namespace.h. */
import { i32, u32 } from "../netlink/attribute-fields.js";
import { NetlinkFormatError } from "../netlink/errors.js";
import { need, parseAttributes } from "../netlink/message-reader.js";
import type { MessageWriter } from "../netlink/message-writer.js";
import * as rt from "./constants.js";
import type { RouteOperation } from "./operation.js";

/** Gives the namespace behind `fd` an id in the socket's namespace; -1 lets the kernel choose. EEXIST when it has one. */
export function setNamespaceId(fd: number, id: number): RouteOperation {
  return {
    describe: () => `give the namespace of descriptor ${fd} the id ${id}`,
    write(writer) {
      writer.begin(rt.RTM_NEWNSID, 0);
      writeNamespaceId(writer, fd, id);
      writer.end();
    },
  };
}

/** Writes the payload of RTM_NEWNSID, or (without an id) of RTM_GETNSID. */
export function writeNamespaceId(writer: MessageWriter, fd: number, id?: number): void {
  writer.zeroes(rt.RTGENMSG_BYTES);
  u32.write(writer, rt.NETNSA_FD, fd);
  if (id !== undefined) i32.write(writer, rt.NETNSA_NSID, id);
}

/** Reads the payload of RTM_NEWNSID. @returns -1 when the namespace has no id. @throws NetlinkFormatError */
export function parseNamespaceId(payload: Buffer): number {
  const id = parseAttributes(need(payload, rt.RTGENMSG_BYTES), rt.RTGENMSG_BYTES).get(rt.NETNSA_NSID);
  if (!id) throw new NetlinkFormatError("a namespace id message without an id");
  return i32.read(id);
}
