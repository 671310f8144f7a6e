/** rtnetlink: what a namespace has of links, addresses, routes, rules, neighbours and forwarding entries. */
export * from "./address.js";
export * from "./bridge.js";
export * as rt from "./constants.js";
export * from "./fdb.js";
export * from "./link.js";
export type { Ipv6Settings } from "./link-ipv6.js";
export * from "./link-operations.js";
export { type ChangedObject, type ChangeNotice, RouteMonitor } from "./monitor.js";
export * from "./namespace-id.js";
export * from "./neighbour.js";
export type { CreateMode, RouteOperation } from "./operation.js";
export * from "./route.js";
export * from "./route-operations.js";
export * from "./rule.js";
export { RouteSocket } from "./socket.js";
export * from "./vxlan.js";
