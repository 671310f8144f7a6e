/** Random IPVS objects as the kernel could report them. */
import fc from "fast-check";
import { decodeAddress } from "../../../native-bindings/ipvs/address.js";
import type {
  IpvsDestinationReport,
  IpvsFamily,
  IpvsServiceKey,
  IpvsServiceReport,
  IpvsStatistics,
} from "../../../native-bindings/ipvs/objects.js";

const u16 = fc.integer({ min: 0, max: 0xffff });
const u32 = fc.integer({ min: 0, max: 0xffffffff });
const family = fc.constantFrom<IpvsFamily>("ipv4", "ipv6");
const counter = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER });

/** Addresses in canonical text, with runs of zeroes more often than chance gives them. */
export function addressOf(kind: IpvsFamily): fc.Arbitrary<string> {
  const group = fc.oneof(fc.constant(0), u16);
  return fc.array(group, { minLength: 8, maxLength: 8 }).map((groups) => {
    const field = Buffer.alloc(16);
    groups.forEach((value, index) => {
      field.writeUInt16BE(value, index * 2);
    });
    return decodeAddress(kind, field);
  });
}

export const statistics: fc.Arbitrary<IpvsStatistics> = fc.record({
  connections: counter,
  packetsIn: counter,
  packetsOut: counter,
  bytesIn: counter,
  bytesOut: counter,
});

export const serviceKey: fc.Arbitrary<IpvsServiceKey> = family.chain((kind) =>
  fc.oneof(
    fc.record({ family: fc.constant(kind), mark: fc.integer({ min: 1, max: 0xffffffff }) }),
    fc.record({
      family: fc.constant(kind),
      protocol: fc.constantFrom("tcp" as const, "udp" as const, "sctp" as const),
      address: addressOf(kind),
      port: u16,
    }),
  ),
);

export const service: fc.Arbitrary<IpvsServiceReport> = serviceKey.chain((key) =>
  fc.record({
    key: fc.constant(key),
    scheduler: fc.constantFrom("rr", "wrr", "lc", "mh", "fifteen-letters"),
    flags: fc.constantFrom(0, 1, 4, 0x18),
    persistenceTimeoutS: u32,
    persistencePrefixBits: fc.integer({ min: 0, max: key.family === "ipv4" ? 32 : 128 }),
    statistics,
  }),
);

export const destination: fc.Arbitrary<IpvsDestinationReport> = family.chain((kind) =>
  fc.record({
    family: fc.constant(kind),
    address: addressOf(kind),
    port: u16,
    forwarding: fc.constantFrom("masquerade", "local", "tunnel", "route", "bypass"),
    weight: u32,
    upperThreshold: u32,
    lowerThreshold: u32,
    tunnel: fc.record({ type: fc.constantFrom("ipip", "gue", "gre"), port: u16, flags: u16 }),
    activeConnections: u32,
    inactiveConnections: u32,
    persistentConnections: u32,
    statistics,
  }),
);
