/** STATS (u32 counters, may wrap) and STATS64 of services and destinations. Source: ip_vs_genl_fill_stats in ip_vs_ctl.c. */
import { type Attributes, parseAttributes, readU32, readU64 } from "../netlink/message-reader.js";
import type { MessageWriter } from "../netlink/message-writer.js";
import {
  IPVS_STATS_ATTR_CONNS,
  IPVS_STATS_ATTR_INBYTES,
  IPVS_STATS_ATTR_INPKTS,
  IPVS_STATS_ATTR_OUTBYTES,
  IPVS_STATS_ATTR_OUTPKTS,
} from "./constants.js";
import type { IpvsStatistics } from "./objects.js";

const ATTRIBUTES: readonly (readonly [keyof IpvsStatistics, number])[] = [
  ["connections", IPVS_STATS_ATTR_CONNS],
  ["packetsIn", IPVS_STATS_ATTR_INPKTS],
  ["packetsOut", IPVS_STATS_ATTR_OUTPKTS],
  ["bytesIn", IPVS_STATS_ATTR_INBYTES],
  ["bytesOut", IPVS_STATS_ATTR_OUTBYTES],
];

/** Prefers the wide counters (kernel 4.1). @throws NetlinkFormatError */
export function parseStatistics(narrow: Buffer | undefined, wide: Buffer | undefined): IpvsStatistics {
  const attributes: Attributes = wide ? parseAttributes(wide) : narrow ? parseAttributes(narrow) : new Map();
  const count = (type: number): number => {
    const payload = attributes.get(type);
    if (!payload) return 0;
    if (wide) return Number(readU64(payload));
    // The two byte counters are 64 bits wide in both forms.
    return type >= IPVS_STATS_ATTR_INBYTES ? Number(readU64(payload)) : readU32(payload);
  };
  return {
    connections: count(IPVS_STATS_ATTR_CONNS),
    packetsIn: count(IPVS_STATS_ATTR_INPKTS),
    packetsOut: count(IPVS_STATS_ATTR_OUTPKTS),
    bytesIn: count(IPVS_STATS_ATTR_INBYTES),
    bytesOut: count(IPVS_STATS_ATTR_OUTBYTES),
  };
}

export function writeStatistics(
  writer: MessageWriter,
  narrowType: number,
  wideType: number,
  statistics: IpvsStatistics,
): void {
  const narrow = writer.nestBegin(narrowType);
  for (const [name, type] of ATTRIBUTES) {
    if (type >= IPVS_STATS_ATTR_INBYTES) writer.attrU64(type, BigInt(statistics[name]));
    else writer.attrU32(type, statistics[name] % 2 ** 32);
  }
  writer.nestEnd(narrow);
  const wide = writer.nestBegin(wideType);
  for (const [name, type] of ATTRIBUTES) writer.attrU64(type, BigInt(statistics[name]));
  writer.nestEnd(wide);
}
