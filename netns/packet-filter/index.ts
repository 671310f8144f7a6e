/** The packet filter of one namespace: every rule that anything here writes, through one of two back-ends. */
export {
  choosePacketFilter,
  type PacketFilterChoice,
  type PacketFilterChoiceOptions,
  type PacketFilterName,
} from "./choose.js";
export { PacketFilterError, PacketRuleError } from "./errors.js";
export { IptablesFilter } from "./iptables-filter.js";
export { NftablesFilter } from "./nftables-filter.js";
export type {
  PacketAction,
  PacketFilter,
  PacketHook,
  PacketMatch,
  PacketRule,
  PacketRules,
  RuleDrift,
  TransportProtocol,
} from "./rules.js";
export { validateRules } from "./validate.js";
