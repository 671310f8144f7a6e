/** Who may call an RPC, as the protocol files say. */
import { AUTHORIZATION_RULES } from "../generated/authorization-rules.js";
import { AllowedRoles } from "../generated/tswarm/v1/authorization.js";

const RULES: ReadonlyMap<string, AllowedRoles> = new Map(Object.entries(AUTHORIZATION_RULES));

/** @returns ROLES_UNSPECIFIED for a path without a rule: nobody may call it */
export function allowedRoles(path: string): AllowedRoles {
  return RULES.get(path) ?? AllowedRoles.ROLES_UNSPECIFIED;
}
