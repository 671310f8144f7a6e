/**
 * Numbers of nf_tables over netlink. Sources: include/uapi/linux/netfilter/nf_tables.h, nfnetlink.h, linux/netfilter.h.
 */

/** nfnetlink subsystem; the upper byte of every message type. */
export const NFNL_SUBSYS_NFTABLES = 10;
export const NFNL_MSG_BATCH_BEGIN = 0x10;
export const NFNL_MSG_BATCH_END = 0x11;
/** struct nfgenmsg: family u8, version u8, resource id u16 big endian. */
export const NFGENMSG_BYTES = 4;

export const NFT_MSG_NEWTABLE = 0;
export const NFT_MSG_GETTABLE = 1;
export const NFT_MSG_DELTABLE = 2;
export const NFT_MSG_NEWCHAIN = 3;
export const NFT_MSG_GETCHAIN = 4;
export const NFT_MSG_DELCHAIN = 5;
export const NFT_MSG_NEWRULE = 6;
export const NFT_MSG_GETRULE = 7;
export const NFT_MSG_DELRULE = 8;
export const NFT_MSG_NEWSET = 9;
export const NFT_MSG_GETSET = 10;
export const NFT_MSG_DELSET = 11;
export const NFT_MSG_NEWSETELEM = 12;
export const NFT_MSG_GETSETELEM = 13;
export const NFT_MSG_DELSETELEM = 14;
export const NFT_MSG_NEWGEN = 15;
export const NFT_MSG_GETGEN = 16;

/** Set flags. */
export const NFT_SET_ANONYMOUS = 0x1;
export const NFT_SET_CONSTANT = 0x2;
export const NFT_SET_INTERVAL = 0x4;
export const NFT_SET_MAP = 0x8;
export const NFT_SET_TIMEOUT = 0x10;
export const NFT_SET_CONCAT = 0x80;

/** Set element flags. */
export const NFT_SET_ELEM_INTERVAL_END = 0x1;
export const NFT_SET_ELEM_CATCHALL = 0x2;

/** `dataType` of a map whose values are verdicts. */
export const NFT_DATA_VERDICT = 0xffffff00;

/** Table flags. */
export const NFT_TABLE_F_DORMANT = 0x1;

/** Bits of a `ct state` register. */
export const CT_STATE_INVALID = 0x1;
export const CT_STATE_ESTABLISHED = 0x2;
export const CT_STATE_RELATED = 0x4;
export const CT_STATE_NEW = 0x8;
export const CT_STATE_UNTRACKED = 0x40;

/** Flags of `fib`: what is looked up. */
export const NFTA_FIB_F_SADDR = 0x1;
export const NFTA_FIB_F_DADDR = 0x2;
/** Result of `fib … type` for an address of the namespace (linux/rtnetlink.h RTN_LOCAL). */
export const RTN_LOCAL = 2;

/** Codes of `reject with icmpx`. */
export const NFT_REJECT_ICMPX_PORT_UNREACH = 1;
/** ICMP destination unreachable, port (linux/icmp.h); ICMPv6 the same (linux/icmpv6.h). */
export const ICMP_PORT_UNREACH = 3;
export const ICMPV6_PORT_UNREACH = 4;

export const IPPROTO_ICMP = 1;
export const IPPROTO_TCP = 6;
export const IPPROTO_UDP = 17;
export const IPPROTO_ICMPV6 = 58;
export const IPPROTO_SCTP = 132;

/** Hook priorities of linux/netfilter_ipv4.h. */
export const PRIORITY_RAW = -300;
export const PRIORITY_MANGLE = -150;
export const PRIORITY_NAT_DESTINATION = -100;
export const PRIORITY_FILTER = 0;
export const PRIORITY_NAT_SOURCE = 100;

/** Type numbers that nft(8) gives to keys and values of sets: for its display only, the kernel keeps them as they are. */
export const KEY_TYPE_IPV4_ADDRESS = 7;
export const KEY_TYPE_IPV6_ADDRESS = 8;
export const KEY_TYPE_ETHER_ADDRESS = 9;
export const KEY_TYPE_INET_PROTOCOL = 12;
export const KEY_TYPE_INET_SERVICE = 13;
export const KEY_TYPE_MARK = 19;
export const KEY_TYPE_INTERFACE_NAME = 41;
/** Without a length of its own: nft(8) 1.0 aborts when it lists a concatenation with it; KEY_TYPE_MARK suits any 4-byte number. */
export const KEY_TYPE_INTEGER = 4;

/** Bytes of one NFTA_SET_ELEM_LIST_ELEMENTS attribute: its length field has 16 bits. */
export const ELEMENT_LIST_MAX_BYTES = 0xffff;
/** Bytes of user data at a rule, set or element. */
export const USERDATA_MAX_BYTES = 256;
