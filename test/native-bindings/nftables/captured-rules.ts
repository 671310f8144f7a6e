import { encodeComment } from "../../../native-bindings/nftables/comment.js";
import * as nft from "../../../native-bindings/nftables/constants.js";
import type { Expression } from "../../../native-bindings/nftables/expression.js";
import type { Rule } from "../../../native-bindings/nftables/objects.js";

export const T1 = { family: "ip", table: "t1" } as const;
export const hex = (text: string) => Buffer.from(text.replaceAll(" ", ""), "hex");
export const port = (number: number) => hex(number.toString(16).padStart(4, "0"));
const interfaceName = (name: string) => Buffer.concat([Buffer.from(name)], 16);
const l4protocol = (number: number): Expression[] => [
  { kind: "meta", key: "l4proto", destination: 1 },
  { kind: "cmp", source: 1, operator: "eq", value: Buffer.from([number]) },
];

/** Each rule of the captures, by hand, in the words of this codec. */
export const CAPTURED_RULES: Readonly<Record<string, Rule>> = {
  rule_dnat: {
    ...T1,
    chain: "pre",
    expressions: [
      { kind: "payload", base: "network", offset: 9, length: 1, destination: 1 },
      { kind: "cmp", source: 1, operator: "eq", value: hex("06") },
      { kind: "payload", base: "network", offset: 16, length: 4, destination: 1 },
      { kind: "cmp", source: 1, operator: "eq", value: hex("0a 00 00 01") },
      { kind: "payload", base: "transport", offset: 2, length: 2, destination: 1 },
      { kind: "cmp", source: 1, operator: "eq", value: port(80) },
      { kind: "immediate", destination: 1, value: hex("0a 00 00 02") },
      { kind: "immediate", destination: 2, value: port(8080) },
      { kind: "nat", type: "destination", family: "ip", address: 1, port: 2 },
    ],
    userdata: encodeComment("web/1"),
  },
  rule_dnat_address_only: {
    ...T1,
    chain: "pre",
    expressions: [
      { kind: "payload", base: "network", offset: 16, length: 1, destination: 1 },
      { kind: "cmp", source: 1, operator: "eq", value: hex("0a") },
      { kind: "immediate", destination: 1, value: hex("0a 00 00 02") },
      { kind: "nat", type: "destination", family: "ip", address: 1 },
    ],
  },
  rule_snat: {
    ...T1,
    chain: "post",
    expressions: [
      { kind: "payload", base: "network", offset: 12, length: 2, destination: 1 },
      { kind: "cmp", source: 1, operator: "neq", value: hex("0a 01") },
      { kind: "meta", key: "oifname", destination: 1 },
      { kind: "cmp", source: 1, operator: "eq", value: interfaceName("eth0") },
      { kind: "immediate", destination: 1, value: hex("c0 00 02 01") },
      { kind: "nat", type: "source", family: "ip", address: 1 },
    ],
  },
  rule_masquerade: {
    ...T1,
    chain: "post",
    expressions: [
      { kind: "meta", key: "iifname", destination: 1 },
      { kind: "cmp", source: 1, operator: "neq", value: interfaceName("docker0") },
      { kind: "meta", key: "oifname", destination: 1 },
      { kind: "cmp", source: 1, operator: "neq", value: interfaceName("lo") },
      { kind: "masq" },
    ],
  },
  rule_redirect: {
    ...T1,
    chain: "out",
    expressions: [
      ...l4protocol(17),
      { kind: "payload", base: "transport", offset: 2, length: 2, destination: 1 },
      { kind: "cmp", source: 1, operator: "eq", value: port(53) },
      { kind: "immediate", destination: 1, value: port(5353) },
      { kind: "redir", port: 1 },
    ],
  },
  rule_mark: {
    ...T1,
    chain: "mangle",
    expressions: [
      ...l4protocol(17),
      { kind: "payload", base: "transport", offset: 0, length: 2, destination: 1 },
      { kind: "cmp", source: 1, operator: "eq", value: port(4789) },
      { kind: "immediate", destination: 1, value: hex("00 01 00 00") },
      { kind: "meta", key: "mark", source: 1 },
    ],
  },
  rule_mark_masked: {
    ...T1,
    chain: "mout",
    expressions: [
      { kind: "meta", key: "mark", destination: 1 },
      { kind: "bitwise", source: 1, destination: 1, length: 4, mask: hex("ff 00 00 00"), xor: hex("00 00 00 00") },
      { kind: "cmp", source: 1, operator: "eq", value: hex("01 00 00 00") },
      { kind: "meta", key: "mark", destination: 1 },
      { kind: "bitwise", source: 1, destination: 1, length: 4, mask: hex("ff 00 ff ff"), xor: hex("00 02 00 00") },
      { kind: "meta", key: "mark", source: 1 },
    ],
  },
  rule_ct_mark: {
    ...T1,
    chain: "mangle",
    expressions: [
      { kind: "ct", key: "mark", destination: 1 },
      { kind: "bitwise", source: 1, destination: 1, length: 4, mask: hex("00 ff 00 00"), xor: hex("00 00 00 00") },
      { kind: "cmp", source: 1, operator: "neq", value: hex("00 01 00 00") },
      { kind: "immediate", destination: 1, value: hex("00 01 00 00") },
      { kind: "ct", key: "mark", source: 1 },
    ],
  },
  rule_restore_mark: {
    ...T1,
    chain: "mangle",
    expressions: [
      { kind: "ct", key: "mark", destination: 1 },
      { kind: "meta", key: "mark", source: 1 },
    ],
  },
  rule_ct_state: {
    ...T1,
    chain: "fin",
    expressions: [
      { kind: "ct", key: "state", destination: 1 },
      {
        kind: "bitwise",
        source: 1,
        destination: 1,
        length: 4,
        mask: Buffer.from([nft.CT_STATE_ESTABLISHED | nft.CT_STATE_RELATED, 0, 0, 0]),
        xor: hex("00 00 00 00"),
      },
      { kind: "cmp", source: 1, operator: "neq", value: hex("00 00 00 00") },
      { kind: "verdict", verdict: { kind: "accept" } },
    ],
  },
  rule_reject_tcp: {
    ...T1,
    chain: "fin",
    expressions: [...l4protocol(6), { kind: "reject", type: "tcp-reset", code: 0 }],
  },
  rule_reject_icmp: {
    ...T1,
    chain: "fin",
    expressions: [
      { kind: "meta", key: "l4proto", destination: 1 },
      { kind: "cmp", source: 1, operator: "neq", value: hex("06") },
      { kind: "reject", type: "icmp", code: nft.ICMP_PORT_UNREACH },
    ],
  },
  rule_reject6: {
    family: "ip6",
    table: "t6",
    chain: "fin",
    expressions: [...l4protocol(17), { kind: "reject", type: "icmp", code: nft.ICMPV6_PORT_UNREACH }],
  },
  rule_drop: {
    ...T1,
    chain: "fin",
    expressions: [
      { kind: "fib", result: "type", flags: nft.NFTA_FIB_F_DADDR, destination: 1 },
      { kind: "cmp", source: 1, operator: "eq", value: hex("02 00 00 00") },
      { kind: "fib", result: "type", flags: nft.NFTA_FIB_F_SADDR, destination: 1 },
      { kind: "cmp", source: 1, operator: "neq", value: hex("02 00 00 00") },
      { kind: "counter" },
      { kind: "verdict", verdict: { kind: "drop" } },
    ],
  },
  rule_mac: {
    ...T1,
    chain: "mangle",
    expressions: [
      { kind: "meta", key: "iiftype", destination: 1 },
      { kind: "cmp", source: 1, operator: "eq", value: hex("01 00") },
      { kind: "payload", base: "link", offset: 6, length: 6, destination: 1 },
      { kind: "cmp", source: 1, operator: "eq", value: hex("02 42 0a 00 00 05") },
      { kind: "verdict", verdict: { kind: "drop" } },
    ],
  },
  rule_jump: { ...T1, chain: "pre", expressions: [{ kind: "verdict", verdict: { kind: "goto", chain: "svc" } }] },
};
