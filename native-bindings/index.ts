/** What the kernel is asked with. nf_tables, IPVS and generic netlink have entry points of their own beside this one. */
export * from "./address-text.js";
export * from "./conntrack/index.js";
export * from "./features/index.js";
export { NetlinkError, NetlinkFormatError, NetlinkOverrunError, NetlinkTransportError } from "./netlink/errors.js";
export { NetlinkSocket } from "./netlink/socket.js";
export * from "./route/index.js";
export { SystemCallError } from "./system-call-error.js";
export { inNetworkNamespace, inNewNetworkNamespace } from "./thread-namespace.js";
