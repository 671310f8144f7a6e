/** Probe of IPsec: one security association as encrypted overlay networks need them. */
import { AF_INET } from "../libc.js";
import { NETLINK_XFRM, NLM_F_CREATE, NLM_F_EXCL } from "../netlink/constants.js";
import { NetlinkSocket } from "../netlink/socket.js";
import { scratchProbe } from "./probe.js";

const XFRM_MSG_NEWSA = 0x10;
const XFRMA_ALG_AEAD = 18;
const IPPROTO_ESP = 50;
/** struct xfrm_usersa_info of include/uapi/linux/xfrm.h. */
const SA_INFO_BYTES = 224;
const SA_DESTINATION_AT = 56;
const SA_SPI_AT = 72;
const SA_PROTOCOL_AT = 76;
const SA_SOURCE_AT = 80;
const SA_LIFETIME_AT = 96;
const SA_LIFETIME_LIMITS_BYTES = 32;
const SA_FAMILY_AT = 212;
/** 128 bits of AES and 32 of salt. */
const KEY_BYTES = 20;
const ALGORITHM_NAME_BYTES = 64;

export const espFeature = scratchProbe("esp", "2.6.25", "ESP with rfc4106(gcm(aes)): encrypts overlay networks", () => {
  const info = Buffer.alloc(SA_INFO_BYTES);
  info.set([10, 0, 0, 2], SA_DESTINATION_AT);
  info.writeUInt32BE(0x1000, SA_SPI_AT);
  info.writeUInt8(IPPROTO_ESP, SA_PROTOCOL_AT);
  info.set([10, 0, 0, 1], SA_SOURCE_AT);
  info.fill(0xff, SA_LIFETIME_AT, SA_LIFETIME_AT + SA_LIFETIME_LIMITS_BYTES);
  info.writeUInt16LE(AF_INET, SA_FAMILY_AT);
  const algorithm = Buffer.alloc(ALGORITHM_NAME_BYTES + 8 + KEY_BYTES, 1);
  algorithm.fill(0, 0, ALGORITHM_NAME_BYTES);
  algorithm.write("rfc4106(gcm(aes))");
  algorithm.writeUInt32LE(KEY_BYTES * 8, ALGORITHM_NAME_BYTES);
  algorithm.writeUInt32LE(64, ALGORITHM_NAME_BYTES + 4);
  using socket = NetlinkSocket.open(NETLINK_XFRM);
  socket.request("add an ESP security association", (writer) => {
    writer
      .begin(XFRM_MSG_NEWSA, NLM_F_CREATE | NLM_F_EXCL)
      .raw(info)
      .attrBytes(XFRMA_ALG_AEAD, algorithm)
      .end();
  });
  return "add an ESP security association";
});
