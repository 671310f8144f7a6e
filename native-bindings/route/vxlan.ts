/** Options of a VXLAN device (`IFLA_VXLAN_*`), include/uapi/linux/if_link.h. */
import { bool, type FieldCodec, type FieldTable, ip, presence, u8, u16be, u32 } from "../netlink/attribute-fields.js";
import { need } from "../netlink/message-reader.js";

export interface VxlanOptions {
  /** VXLAN network identifier, 0…16777215. */
  readonly vni?: number;
  /** Multicast group or default remote (IPv4). */
  readonly remote?: string;
  readonly remote6?: string;
  /** Index of the device below; 0 or absent: by route. */
  readonly lowerIndex?: number;
  readonly local?: string;
  readonly local6?: string;
  readonly ttl?: number;
  readonly tos?: number;
  readonly learning?: boolean;
  /** How long a learned entry lives; 0: for ever. */
  readonly ageingSeconds?: number;
  /** Most entries in the FDB; 0: no limit. */
  readonly limit?: number;
  readonly sourcePorts?: PortRange;
  /** Answers ARP and neighbour solicitation from its own neighbour table. */
  readonly proxy?: boolean;
  readonly routeShortCircuit?: boolean;
  readonly l2Miss?: boolean;
  readonly l3Miss?: boolean;
  /** UDP port; the kernel's default 8472 is not IANA's 4789. */
  readonly port?: number;
  /** Outer UDP checksum over IPv4. */
  readonly udpChecksum?: boolean;
  readonly udpZeroChecksum6Tx?: boolean;
  readonly udpZeroChecksum6Rx?: boolean;
  readonly groupPolicy?: boolean;
  /** Tunnel data comes with each packet, by route or BPF. */
  readonly collectMetadata?: boolean;
  /** Outer "don't fragment": 0 off, 1 on, 2 as inside. */
  readonly dontFragment?: number;
  readonly vniFilter?: boolean;
}

export interface PortRange {
  readonly low: number;
  readonly high: number;
}

/** struct ifla_vxlan_port_range: two big-endian ports. */
const portRange: FieldCodec<PortRange> = {
  write(writer, type, { low, high }) {
    const range = Buffer.alloc(4);
    range.writeUInt16BE(low, 0);
    range.writeUInt16BE(high, 2);
    writer.attrBytes(type, range);
  },
  read: (payload) => ({ low: need(payload, 4).readUInt16BE(0), high: payload.readUInt16BE(2) }),
};

export const VXLAN_FIELDS: FieldTable<VxlanOptions> = {
  vni: [1, u32],
  remote: [2, ip],
  lowerIndex: [3, u32],
  local: [4, ip],
  ttl: [5, u8],
  tos: [6, u8],
  learning: [7, bool],
  ageingSeconds: [8, u32],
  limit: [9, u32],
  sourcePorts: [10, portRange],
  proxy: [11, bool],
  routeShortCircuit: [12, bool],
  l2Miss: [13, bool],
  l3Miss: [14, bool],
  port: [15, u16be],
  remote6: [16, ip],
  local6: [17, ip],
  udpChecksum: [18, bool],
  udpZeroChecksum6Tx: [19, bool],
  udpZeroChecksum6Rx: [20, bool],
  groupPolicy: [23, presence],
  collectMetadata: [25, bool],
  dontFragment: [29, u8],
  vniFilter: [30, bool],
};
