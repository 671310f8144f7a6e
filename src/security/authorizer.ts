/** Decides of every call whether its caller may make it, by the table that the protocol files are the source of. */
import { allowedRoles } from "../api/authorization/allowed-roles.js";
import { NodeRole } from "../api/generated/docker/swarmkit/v1/types.js";
import { AllowedRoles } from "../api/generated/tswarm/v1/authorization.js";
import type { CertificateSubject } from "../api/peer-certificate.js";
import type { CallContext } from "../api/server-call.js";
import { permissionDenied } from "../api/status-error.js";
import { type CallerIdentity, notPartOf, ORGANIZATIONAL_UNIT } from "./identity.js";

export class Authorizer {
  readonly #identity: CallerIdentity;
  readonly #isForFormer: (path: string) => boolean;

  /** @param isForFormer calls of managers whose handlers themselves look whether the caller still is one */
  constructor(identity: CallerIdentity, isForFormer: (path: string) => boolean = () => false) {
    this.#identity = identity;
    this.#isForFormer = isForFormer;
  }

  /** @throws StatusError (PERMISSION_DENIED) */
  admit(context: CallContext): void {
    switch (allowedRoles(context.path)) {
      case AllowedRoles.ANYONE:
        // Who shows a certificate, or speaks for another, must be who he says.
        this.#identity.origin(context);
        return;
      case AllowedRoles.WORKER_OR_MANAGER:
        this.#identity.identify(context);
        return;
      case AllowedRoles.MANAGER_ONLY: {
        const { role, forwardedBy } = this.#identity.identify(context);
        if (role === NodeRole.MANAGER) return;
        if (isManagers(context.certificate) && this.#isForFormer(context.path)) return;
        if (forwardedBy === undefined) throw notPartOf("[swarm-manager]");
        throw permissionDenied("Permission denied: unauthorized forwarded role, expecting: [swarm-manager]");
      }
      case AllowedRoles.LOCAL:
        throw permissionDenied(`Permission denied: ${context.path} is served on this host's own socket alone`);
      default:
        throw permissionDenied(`Permission denied: nobody may call ${context.path}`);
    }
  }
}

function isManagers(certificate: CertificateSubject | undefined): boolean {
  return certificate?.organizationalUnit === ORGANIZATIONAL_UNIT[NodeRole.MANAGER];
}
