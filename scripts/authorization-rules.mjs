// Who may call each RPC, as the protocol files say, as a table for the program: src/api/generated/authorization-rules.ts.
import { readFileSync, writeFileSync } from "node:fs";

const OPTION = "[tswarm.v1.authorization]";

/**
 * @param imageFile what `buf build` writes as JSON
 * @param outFile TypeScript
 */
export function writeAuthorizationRules(imageFile, outFile) {
  const { file } = JSON.parse(readFileSync(imageFile, "utf8"));
  const rules = [];
  for (const { package: packageName, service = [] } of file) {
    for (const { name, method = [] } of service) {
      for (const { name: methodName, options } of method) {
        const path = `/${packageName}.${name}/${methodName}`;
        const roles = options?.[OPTION]?.roles;
        if (!roles || roles === "ROLES_UNSPECIFIED") {
          throw new Error(`${path} does not say who may call it: give it the option (tswarm.v1.authorization)`);
        }
        rules.push(`  "${path}": AllowedRoles.${roles},`);
      }
    }
  }
  writeFileSync(
    outFile,
    [
      "// Made by scripts/authorization-rules.mjs.",
      'import { AllowedRoles } from "./tswarm/v1/authorization.js";',
      "",
      "export const AUTHORIZATION_RULES: Readonly<Record<string, AllowedRoles>> = {",
      ...rules.sort(),
      "};",
      "",
    ].join("\n"),
  );
}
