/** What CFSSL's signing endpoint is asked, and how its answers are read (CFSSL's doc/api/endpoint_authsign.txt; SwarmKit's ca/external.go). Pure. */
import { NodeRole } from "../../../api/generated/docker/swarmkit/v1/types.js";
import type { NameParts } from "../../../security/pki/distinguished-name.js";
import { CA_NAME, ORGANIZATIONAL_UNIT } from "../../../security/pki/organizational-unit.js";
import type { SigningRequest } from "../signing.js";

/** An authority does not sign, or cannot be asked. Cites little of what it said. */
export class AuthorityError extends Error {
  override readonly name = "AuthorityError";
}

/** The profile of the authority's configuration that certificates of CAs are signed with. */
export const CROSS_SIGN_PROFILE = "CA";
const MAX_CITED = 300;

export function leafRequest({ csrPem, nodeId, role }: SigningRequest, clusterId: string): string {
  const unit = ORGANIZATIONAL_UNIT[role];
  return JSON.stringify({
    certificate_request: csrPem,
    subject: { CN: nodeId, names: [{ OU: unit, O: clusterId }] },
    hosts: [unit, nodeId, ...(role === NodeRole.MANAGER ? [CA_NAME] : [])],
  });
}

/** @param root whose certificate it is to be */
export function crossSignRequest(csrPem: string, root: NameParts): string {
  const { commonName = "", organization, organizationalUnit } = root;
  const names = organization || organizationalUnit ? [{ O: organization, OU: organizationalUnit }] : [];
  return JSON.stringify({
    certificate_request: csrPem,
    subject: { CN: commonName, names },
    profile: CROSS_SIGN_PROFILE,
  });
}

/** @returns the certificate, PEM @throws AuthorityError */
export function readAnswer(status: number, body: string): string {
  const answer = parsed(body);
  const errors = Array.isArray(answer?.errors) ? answer.errors.map(textOfError).filter(Boolean) : [];
  const said = errors.length > 0 ? `: ${errors.join("; ").slice(0, MAX_CITED)}` : "";
  if (status !== 200) throw new AuthorityError(`it answers with status ${status}${said}`);
  if (!answer) throw new AuthorityError("its answer is no JSON object");
  if (answer.success !== true) throw new AuthorityError(`it refuses${said}`);
  const { certificate } = (answer.result ?? {}) as { readonly certificate?: unknown };
  if (typeof certificate !== "string") throw new AuthorityError("its answer holds no certificate");
  return certificate;
}

interface Answer {
  readonly success?: unknown;
  readonly result?: unknown;
  readonly errors?: unknown;
}

function parsed(body: string): Answer | undefined {
  try {
    const value: unknown = JSON.parse(body);
    return typeof value === "object" && value !== null ? (value as Answer) : undefined;
  } catch {
    return undefined;
  }
}

function textOfError(error: unknown): string {
  const { message } = (error ?? {}) as { readonly message?: unknown };
  return typeof message === "string" ? message : "";
}
