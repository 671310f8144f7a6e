/** Probes of packet filter, connection tracking and load balancing. */
import { ConntrackSocket } from "../conntrack/socket.js";
import { markService } from "../ipvs/objects.js";
import { IpvsSocket } from "../ipvs/socket.js";
import { AF_INET, AF_INET6 } from "../libc.js";
import { NETLINK_GENERIC, NETLINK_NETFILTER, NLM_F_ACK, NLM_F_CREATE, NLM_F_REQUEST } from "../netlink/constants.js";
import { NetlinkError } from "../netlink/errors.js";
import { MessageWriter } from "../netlink/message-writer.js";
import { NetlinkSocket } from "../netlink/socket.js";
import { scratchProbe } from "./probe.js";

const NFNL_MSG_BATCH_BEGIN = 0x10;
const NFNL_MSG_BATCH_END = 0x11;
const NFT_NEWTABLE = 0x0a00;
const NFT_NEWCHAIN = 0x0a03;
const NFNL_SUBSYS_NFTABLES = 10;
const NFTA_TABLE_NAME = 1;
const NFTA_CHAIN_TABLE = 1;
const NFTA_CHAIN_NAME = 3;
const NFTA_CHAIN_HOOK = 4;
const NFTA_CHAIN_TYPE = 7;
const NFTA_HOOK_HOOKNUM = 1;
const NFTA_HOOK_PRIORITY = 2;
const NF_INET_LOCAL_OUT = 3;
const NF_IP_PRI_NAT_DST = -100;

export const nfTablesFeature = scratchProbe(
  "nf_tables",
  "4.18",
  "nf_tables with translation for IPv4: packet filter and load balancer in one transaction",
  () => addTranslation(AF_INET, "ip"),
);

export const nfTablesIpv6Feature = scratchProbe(
  "nf_tables-ipv6",
  "4.18",
  "nf_tables with translation for IPv6: load balancing of virtual addresses of IPv6",
  () => addTranslation(AF_INET6, "ip6"),
);

function addTranslation(family: number, name: string): string {
  using socket = NetlinkSocket.open(NETLINK_NETFILTER);
  const writer = new MessageWriter(512);
  const begin = (type: number, family: number, resource: number) =>
    writer
      .begin(type, NLM_F_REQUEST | (type < NFT_NEWTABLE ? 0 : NLM_F_CREATE | NLM_F_ACK))
      .u8(family)
      .u8(0)
      .u16be(resource);
  begin(NFNL_MSG_BATCH_BEGIN, 0, NFNL_SUBSYS_NFTABLES).end();
  begin(NFT_NEWTABLE, family, 0).attrString(NFTA_TABLE_NAME, "probe").end();
  begin(NFT_NEWCHAIN, family, 0).attrString(NFTA_CHAIN_TABLE, "probe").attrString(NFTA_CHAIN_NAME, "probe");
  const hook = writer.nestBegin(NFTA_CHAIN_HOOK);
  writer.attrU32be(NFTA_HOOK_HOOKNUM, NF_INET_LOCAL_OUT).attrU32be(NFTA_HOOK_PRIORITY, NF_IP_PRI_NAT_DST).nestEnd(hook);
  writer.attrString(NFTA_CHAIN_TYPE, "nat").end();
  begin(NFNL_MSG_BATCH_END, 0, NFNL_SUBSYS_NFTABLES).end();
  const operations = [
    "begin a batch",
    `add table ${name} probe`,
    `add a nat chain to table ${name} probe`,
    "end a batch",
  ];
  const failures = socket.transaction(writer, (index) => operations[index]!);
  for (const error of failures.values()) throw error;
  return `add table ${name} probe with a nat chain`;
}

export const conntrackFeature = scratchProbe(
  "conntrack",
  "2.6.20",
  "connection tracking by netlink: flows to a removed backend are cut",
  () => {
    using socket = ConntrackSocket.open();
    socket.entries();
    return "list tracked connections";
  },
);

const GENL_ID_CTRL = 0x10;
const CTRL_CMD_GETFAMILY = 3;
const CTRL_ATTR_FAMILY_NAME = 2;

export const ipvsFeature = scratchProbe(
  "ipvs",
  "2.6.28",
  "IPVS by generic netlink: load balancing by mark, as Docker Swarm does it",
  () => {
    using socket = NetlinkSocket.open(NETLINK_GENERIC);
    try {
      socket.request("look for the generic netlink family IPVS", (writer) => {
        writer
          .begin(GENL_ID_CTRL, 0)
          .u8(CTRL_CMD_GETFAMILY)
          .u8(1)
          .u16(0)
          .attrString(CTRL_ATTR_FAMILY_NAME, "IPVS")
          .end();
      });
    } catch (error) {
      if (!(error instanceof NetlinkError) || error.code !== "ENOENT") throw error;
      throw new Error("this kernel has no IPVS (CONFIG_IP_VS, module ip_vs)", { cause: error });
    }
    return "find the generic netlink family IPVS";
  },
);

export const ipvsIpv6Feature = scratchProbe(
  "ipvs-ipv6",
  "2.6.28",
  "IPVS for IPv6: load balancing of virtual addresses of IPv6 by mark",
  () => {
    using socket = IpvsSocket.open();
    if (!socket) throw new Error("this kernel has no IPVS (CONFIG_IP_VS, module ip_vs)");
    const refused = socket.write([{ kind: "add-service", service: markService(1, "rr", "ipv6") }]).get(0);
    if (refused?.code === "EAFNOSUPPORT") {
      throw new Error("this kernel's IPVS knows no IPv6 (CONFIG_IP_VS_IPV6)", { cause: refused });
    }
    if (refused) throw refused;
    return "add an IPVS service of IPv6";
  },
);
