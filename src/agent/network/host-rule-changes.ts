/** From one list of the host's rules to the next: what may stay meanwhile, and what flows are led elsewhere. Pure. */
import type { PacketRule, PacketRules } from "../../../netns/packet-filter/rules.js";

/** The rules of `before` that `after` holds too, with their new text: what may stay while the rest goes. */
export function stillWanted(before: PacketRules, after: PacketRules): PacketRules {
  const keys = new Set(before.map((rule) => rule.key));
  return after.filter((rule) => keys.has(rule.key)).map((rule) => narrowPorts(rule, before));
}

/** A port list that grows keeps its old ports until the new ones may be led anywhere. */
function narrowPorts(rule: PacketRule, before: PacketRules): PacketRule {
  const old = before.find((candidate) => candidate.key === rule.key)?.match.destinationPorts;
  const ports = rule.match.destinationPorts;
  if (!old || !ports) return rule;
  const common = ports.filter((port) => old.includes(port));
  return common.length === 0 ? rule : { ...rule, match: { ...rule.match, destinationPorts: common } };
}

export function sameRules(a: PacketRules, b: PacketRules): boolean {
  return a === b || JSON.stringify(a) === JSON.stringify(b);
}

/** UDP ports that are led somewhere else than before. */
export function changedUdpPorts(before: PacketRules, after: PacketRules): ReadonlySet<number> {
  const ports = (rules: PacketRules) =>
    new Set(
      rules
        .filter((rule) => rule.action.kind === "dnat" && rule.match.protocol === "udp")
        .flatMap((rule) => rule.match.destinationPorts ?? []),
    );
  const [old, fresh] = [ports(before), ports(after)];
  return new Set([...old, ...fresh].filter((port) => old.has(port) !== fresh.has(port)));
}
