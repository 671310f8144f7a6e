import { isIPv4 } from "node:net";
import { containsPrefix, parsePrefix } from "./address-prefix.js";
import { PacketRuleError } from "./errors.js";
import type { PacketAction, PacketHook, PacketMatch, PacketRule, PacketRules } from "./rules.js";

const KEY = /^[a-z0-9_.:/-]{1,96}$/;
/** Names that mean one interface to both back-ends: iptables reads a `+` at the end as "any that begins so". */
const INTERFACE_NAME = /^[A-Za-z0-9_.@:=-]{1,15}$/;
const MAC = /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i;
const PROTOCOLS: ReadonlySet<string> = new Set(["tcp", "udp", "sctp"]);
const STATES: ReadonlySet<string> = new Set(["new", "established", "related", "invalid"]);

const HOOKS_OF: Readonly<Record<PacketAction["kind"], readonly PacketHook[]>> = {
  dnat: ["prerouting", "output"],
  redirect: ["prerouting", "output"],
  masquerade: ["postrouting"],
  snat: ["postrouting"],
  mark: ["prerouting", "output"],
  "connection-mark": ["prerouting", "input", "output"],
  "restore-mark": ["prerouting", "output"],
  reject: ["input", "forward", "output"],
  drop: ["prerouting", "input", "forward", "output", "postrouting"],
  accept: ["prerouting", "input", "forward", "output", "postrouting"],
};
const INCOMING: readonly PacketHook[] = ["prerouting", "input", "forward"];
const LEAVING: readonly PacketHook[] = ["forward", "output", "postrouting"];
const IP6_ACTIONS: ReadonlySet<string> = new Set(["reject", "drop", "accept"]);

/**
 * Checks that every rule can be carried by its hook and by both back-ends.
 * @throws PacketRuleError for the first that cannot
 */
export function validateRules(rules: PacketRules): void {
  const keys = new Set<string>();
  for (const rule of rules) {
    if (!KEY.test(rule.key)) throw new PacketRuleError(rule.key, "a key is 1 to 96 characters of [a-z0-9_.:/-]");
    if (keys.has(rule.key)) throw new PacketRuleError(rule.key, "the key stands twice");
    keys.add(rule.key);
    for (const reason of faultsOf(rule)) throw new PacketRuleError(rule.key, reason);
  }
}

function* faultsOf(rule: PacketRule): Generator<string> {
  const { action, hook, match } = rule;
  const hooks = HOOKS_OF[action.kind];
  if (!hooks) yield `no action ${String((action as { kind: unknown }).kind)}`;
  else if (!hooks.includes(hook)) yield `${action.kind} does not work in ${hook}, only in ${hooks.join(", ")}`;
  yield* actionFaults(action, match);
  yield* matchFaults(match, hook);
  if (rule.family === "ip6") {
    if (!IP6_ACTIONS.has(action.kind)) yield `${action.kind} is not for ip6`;
    for (const field of ["source", "destination", "notSource", "notDestination"] as const) {
      if (match[field] !== undefined) yield `${field} is not for ip6`;
    }
  } else if (rule.family !== undefined && rule.family !== "ip") yield `no family ${String(rule.family)}`;
}

function* actionFaults(action: PacketAction, match: PacketMatch): Generator<string> {
  switch (action.kind) {
    case "dnat":
      if (!isIPv4(action.address)) yield `dnat to ${action.address}: not an IPv4 address`;
      if (action.port !== undefined) {
        if (!isPort(action.port, 1)) yield `dnat to port ${action.port}`;
        if (!match.protocol) yield "dnat to a port needs a protocol to match";
      }
      return;
    case "redirect":
      if (!isPort(action.port, 1)) yield `redirect to port ${action.port}`;
      if (!match.protocol) yield "redirect needs a protocol to match";
      return;
    case "snat":
      if (!isIPv4(action.address)) yield `snat to ${action.address}: not an IPv4 address`;
      return;
    case "mark":
    case "connection-mark":
      yield* markFaults(action.kind, action);
      return;
    case "restore-mark":
      if (action.mask !== undefined && !isMark(action.mask, 1)) yield `restore-mark with mask ${action.mask}`;
  }
}

function* matchFaults(match: PacketMatch, hook: PacketHook): Generator<string> {
  if (match.protocol !== undefined && !PROTOCOLS.has(match.protocol)) yield `no protocol ${match.protocol}`;
  for (const field of ["source", "destination", "notSource", "notDestination"] as const) {
    const text = match[field];
    if (text === undefined) continue;
    const prefix = parsePrefix(text);
    if (!prefix) yield `${field} ${text}: not an IPv4 address or prefix`;
    else if (prefix.length === 0 && field.startsWith("not")) yield `${field} ${text} matches nothing`;
  }
  yield* contradictions(match);
  if (match.destinationPorts) {
    if (!match.protocol) yield "destinationPorts need a protocol";
    if (match.destinationPorts.length === 0) yield "destinationPorts is empty: it matches nothing";
    if (match.destinationPorts.length > 65_536)
      yield `${match.destinationPorts.length} destinationPorts: 65536 at most`;
    const wrong = match.destinationPorts.find((port) => !isPort(port, 0));
    if (wrong !== undefined) yield `destination port ${wrong}`;
  }
  if (match.sourcePort !== undefined) {
    if (!match.protocol) yield "sourcePort needs a protocol";
    if (!isPort(match.sourcePort, 0)) yield `source port ${match.sourcePort}`;
  }
  yield* interfaceFaults(match, hook);
  if (match.sourceMac !== undefined) {
    if (!MAC.test(match.sourceMac)) yield `sourceMac ${match.sourceMac}`;
    if (!INCOMING.includes(hook)) yield `sourceMac does not work in ${hook}, only in ${INCOMING.join(", ")}`;
  }
  if (match.mark) yield* markFaults("mark match", match.mark);
  if (match.connectionMark) yield* markFaults("connectionMark match", match.connectionMark);
  if (match.connectionState) {
    if (match.connectionState.length === 0) yield "connectionState is empty: it matches nothing";
    const wrong = match.connectionState.find((state) => !STATES.has(state));
    if (wrong !== undefined) yield `no connectionState ${wrong}`;
  }
}

/** A positive and a negative condition that leave nothing over. */
function* contradictions(match: PacketMatch): Generator<string> {
  for (const [field, notField] of [
    ["source", "notSource"],
    ["destination", "notDestination"],
  ] as const) {
    const inside = match[field] === undefined ? undefined : parsePrefix(match[field]);
    const outside = match[notField] === undefined ? undefined : parsePrefix(match[notField]);
    if (inside && outside && containsPrefix(outside, inside))
      yield `${field} lies within ${notField}: it matches nothing`;
  }
  for (const [field, notField] of [
    ["inInterface", "notInInterface"],
    ["outInterface", "notOutInterface"],
  ] as const) {
    if (match[field] !== undefined && match[field] === match[notField]) {
      yield `${field} equals ${notField}: it matches nothing`;
    }
  }
}

function* interfaceFaults(match: PacketMatch, hook: PacketHook): Generator<string> {
  const sides = [
    [["inInterface", "notInInterface"], INCOMING],
    [["outInterface", "notOutInterface"], LEAVING],
  ] as const;
  for (const [fields, hooks] of sides) {
    for (const field of fields) {
      const name = match[field];
      if (name === undefined) continue;
      if (!INTERFACE_NAME.test(name)) yield `${field} ${JSON.stringify(name)}: not an interface's name`;
      if (!hooks.includes(hook)) yield `${field} is not known in ${hook}, only in ${hooks.join(", ")}`;
    }
  }
}

function* markFaults(what: string, { value, mask }: { value: number; mask?: number }): Generator<string> {
  if (!isMark(value, 0)) yield `${what} ${value}: not 32 bits`;
  else if (mask !== undefined && !isMark(mask, 1)) yield `${what} with mask ${mask}: not 1 to 32 bits`;
  else if (mask !== undefined && (value & ~mask) !== 0) yield `${what} 0x${value.toString(16)} is not within its mask`;
}

function isPort(port: number, least: number): boolean {
  return Number.isInteger(port) && port >= least && port <= 65_535;
}

function isMark(mark: number, least: number): boolean {
  return Number.isInteger(mark) && mark >= least && mark <= 0xffff_ffff;
}
