/** Requests as ipvsadm sent them, and the kernel's answers, against this codec. */
import { readFileSync } from "node:fs";
import test from "ava";
import { beginGeneric, parseGeneric } from "../../../native-bindings/generic/family.js";
import { parseDestination } from "../../../native-bindings/ipvs/destination-codec.js";
import {
  type IpvsDestination,
  type IpvsService,
  markService,
  masqueradedDestination,
} from "../../../native-bindings/ipvs/objects.js";
import { type IpvsOperation, writeOperation } from "../../../native-bindings/ipvs/socket.js";
import { parseTimeouts, writeTimeouts } from "../../../native-bindings/ipvs/timeouts-codec.js";
import { parseAttributes, parseMessages } from "../../../native-bindings/netlink/message-reader.js";
import { MessageWriter } from "../../../native-bindings/netlink/message-writer.js";
import { parseAcknowledgement } from "../../../native-bindings/netlink/socket.js";

interface Case {
  readonly name: string;
  readonly request_hex: string;
  readonly reply_hex: readonly string[];
}

const captures = JSON.parse(readFileSync("test/data/ipvs/ipvs_genl_bytes.json", "utf8")) as { cases: readonly Case[] };
/** The family's id where the captures were made. */
const FAMILY = 0x20;
const IPVS = {
  begin: (writer: MessageWriter, command: number, flags = 0) => beginGeneric(writer, FAMILY, command, 1, flags),
};

function captured(name: string): Case {
  const found = captures.cases.find((entry) => entry.name === name);
  if (!found) throw new Error(`no capture ${name}`);
  return found;
}

/** One operation as it goes over the wire; the socket adds REQUEST and ACK and the sequence number. */
function request(operation: IpvsOperation): string {
  const writer = new MessageWriter();
  writeOperation(IPVS, writer, operation);
  const bytes = Buffer.from(writer.bytes());
  bytes.writeUInt16LE(5, 6);
  return bytes.toString("hex");
}

const tcp9 = { family: "ipv4", protocol: "tcp", address: "10.0.0.9", port: 80 } as const;
const services: Readonly<Record<string, IpvsOperation>> = {
  ipvs_add_svc_fwm: { kind: "add-service", service: markService(256, "rr") },
  ipvs_add_svc_tcp_mh: {
    kind: "add-service",
    service: { ...markService(0, "mh"), key: tcp9, flags: 0x18 },
  },
  ipvs_add_svc_udp_ops: {
    kind: "add-service",
    service: { ...markService(0, "rr"), key: { ...tcp9, protocol: "udp", port: 53 }, flags: 4 },
  },
  ipvs_add_svc_sctp: { kind: "add-service", service: { ...markService(0, "rr"), key: { ...tcp9, protocol: "sctp" } } },
  ipvs_add_svc_fwm6: {
    kind: "add-service",
    service: { ...markService(0, "rr"), key: { family: "ipv6", mark: 257 }, persistencePrefixBits: 128 },
  },
  ipvs_add_svc_persist: {
    kind: "add-service",
    service: { ...markService(258, "rr"), flags: 1, persistenceTimeoutS: 300 } satisfies IpvsService,
  },
  ipvs_edit_svc_sched: { kind: "set-service", service: markService(258, "wrr") },
};

for (const [name, operation] of Object.entries(services)) {
  test(`${name}: the same bytes`, (t) => {
    t.is(request(operation), captured(name).request_hex);
  });
}

const destinations: Readonly<Record<string, IpvsDestination>> = {
  ipvs_add_dst_masq: masqueradedDestination("10.0.0.5", 1),
  ipvs_add_dst_dr: { ...masqueradedDestination("10.0.0.6", 1), forwarding: "route" },
  ipvs_add_dst_tun: { ...masqueradedDestination("10.0.0.7", 1), forwarding: "tunnel" },
  ipvs_add_dst_tun_gue: {
    ...masqueradedDestination("10.0.0.8", 1),
    forwarding: "tunnel",
    tunnel: { type: "gue", port: 6080, flags: 0 },
  },
  ipvs_add_dst_limits: { ...masqueradedDestination("10.0.0.10", 100), upperThreshold: 1000, lowerThreshold: 500 },
  ipvs_set_dst_w0: masqueradedDestination("10.0.0.5", 0),
  ipvs_set_dst_missing: masqueradedDestination("10.0.0.99", 0),
};

for (const [name, destination] of Object.entries(destinations)) {
  test(`${name}: the same destination; of the service only the key, which is all the kernel reads`, (t) => {
    const kind = name.includes("_set_") ? "set-destination" : "add-destination";
    const ours = parseMessages(Buffer.from(request({ kind, key: { family: "ipv4", mark: 256 }, destination }), "hex"));
    const theirs = parseMessages(Buffer.from(captured(name).request_hex, "hex"));
    const [mine, its] = [parseGeneric(ours[0]!.payload), parseGeneric(theirs[0]!.payload)];
    t.is(mine.command, its.command);
    t.is(mine.attributes.get(2)?.toString("hex"), its.attributes.get(2)?.toString("hex"));
    const itsService = parseAttributes(its.attributes.get(1)!);
    for (const [type, payload] of parseAttributes(mine.attributes.get(1)!)) t.deepEqual(payload, itsService.get(type));
    t.deepEqual(parseDestination(its.attributes), {
      ...destination,
      activeConnections: 0,
      inactiveConnections: 0,
      persistentConnections: 0,
      statistics: { connections: 0, packetsIn: 0, packetsOut: 0, bytesIn: 0, bytesOut: 0 },
    });
  });
}

test("ipvs_set_timeout: the same bytes; ipvs_get_timeout: the kernel's answer is read", (t) => {
  const timeouts = { tcpS: 7200, tcpFinS: 30, udpS: 60 };
  const writer = new MessageWriter();
  IPVS.begin(writer, 12, 5);
  writeTimeouts(writer, timeouts);
  writer.end();
  t.is(writer.bytes().toString("hex"), captured("ipvs_set_timeout").request_hex);
  const [answer] = parseMessages(Buffer.from(captured("ipvs_get_timeout").reply_hex[0]!, "hex"));
  t.deepEqual(parseTimeouts(parseGeneric(answer!.payload).attributes), timeouts);
});

for (const [name, code] of [
  ["ipvs_add_svc_fwm_dup", "EEXIST"],
  ["ipvs_add_dst_dup", "EEXIST"],
  ["ipvs_set_dst_missing", "ENOENT"],
  ["ipvs_del_dst_missing", "ENOENT"],
  ["ipvs_add_dst_nosvc", "ESRCH"],
  ["ipvs_add_svc_badsched", "ENOENT"],
  ["ipvs_del_svc_missing", "ESRCH"],
] as const) {
  test(`${name}: the kernel says ${code}`, (t) => {
    const [answer] = parseMessages(Buffer.from(captured(name).reply_hex[0]!, "hex"));
    t.is(parseAcknowledgement(name, answer!)?.code, code);
  });
}
