/** SET_CONFIG and GET_CONFIG: the connection table's timeouts, u32 seconds each. Source: include/uapi/linux/ip_vs.h. */
import { NetlinkFormatError } from "../netlink/errors.js";
import { type Attributes, readU32 } from "../netlink/message-reader.js";
import type { MessageWriter } from "../netlink/message-writer.js";
import { IPVS_CMD_ATTR_TIMEOUT_TCP, IPVS_CMD_ATTR_TIMEOUT_TCP_FIN, IPVS_CMD_ATTR_TIMEOUT_UDP } from "./constants.js";
import type { IpvsTimeouts } from "./objects.js";

export function writeTimeouts(writer: MessageWriter, timeouts: IpvsTimeouts): void {
  writer
    .attrU32(IPVS_CMD_ATTR_TIMEOUT_TCP, timeouts.tcpS)
    .attrU32(IPVS_CMD_ATTR_TIMEOUT_TCP_FIN, timeouts.tcpFinS)
    .attrU32(IPVS_CMD_ATTR_TIMEOUT_UDP, timeouts.udpS);
}

/** @throws NetlinkFormatError */
export function parseTimeouts(attributes: Attributes): IpvsTimeouts {
  const [tcp, tcpFin, udp] = [IPVS_CMD_ATTR_TIMEOUT_TCP, IPVS_CMD_ATTR_TIMEOUT_TCP_FIN, IPVS_CMD_ATTR_TIMEOUT_UDP].map(
    (type) => attributes.get(type),
  );
  if (!tcp || !tcpFin || !udp) throw new NetlinkFormatError("an IPVS configuration without its timeouts");
  return { tcpS: readU32(tcp), tcpFinS: readU32(tcpFin), udpS: readU32(udp) };
}
