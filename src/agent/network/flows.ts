/** UDP flows that a change of published ports leaves behind. */
import { ConntrackSocket } from "../../../native-bindings/conntrack/index.js";

const IPPROTO_UDP = 17;

/**
 * Forgets the UDP flows to these ports in the namespace that the thread is in. A flow is led by its first packet: one that began
 * before its port was published, or led to another service, would keep its way as long as its sender goes on.
 */
export function forgetUdpFlows(destinationPorts: ReadonlySet<number>): void {
  using socket = ConntrackSocket.open();
  socket.deleteMatching(
    ({ original }) =>
      original.protocol === IPPROTO_UDP &&
      original.destinationPort !== undefined &&
      destinationPorts.has(original.destinationPort),
  );
}
