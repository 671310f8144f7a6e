/** Probes of what addresses links can have. */
import { addAddress } from "../route/address.js";
import { setLink } from "../route/link-operations.js";
import { RouteSocket } from "../route/socket.js";
import { scratchProbe } from "./probe.js";

/** The loopback link is the first of every namespace. */
const LOOPBACK_INDEX = 1;

export const ipv6Feature = scratchProbe("ipv6", "2.6", "IPv6: addresses of both families on overlay networks", () => {
  using socket = RouteSocket.open();
  socket.execute(setLink({ index: LOOPBACK_INDEX }, { up: true }));
  const operation = addAddress({ linkIndex: LOOPBACK_INDEX, address: "fd00::1", prefixLength: 64 });
  socket.execute(operation);
  return operation.describe();
});
