/** What the metadata of a forwarded call says: who called first, and that it must not be forwarded again. Keys are SwarmKit's. */
import { type Metadata, status } from "@grpc/grpc-js";
import type { CallContext } from "../server-call.js";
import { StatusError } from "../status-error.js";

/** The subject of the original caller's certificate. */
export interface ForwardedCaller {
  /** Common name. */
  readonly nodeId: string;
  /** "swarm-manager" or "swarm-worker" */
  readonly organizationalUnit: string;
  /** Organization. */
  readonly clusterId: string;
}

/** Say whose call it is; believed of managers alone. */
export const FORWARDED = {
  mark: "forwarded_cert",
  nodeId: "forwarded_cert_cn",
  organizationalUnit: "forwarded_cert_ou",
  organization: "forwarded_cert_org",
  peer: "remote_addr",
} as const;
const REDIRECT_KEY = "redirect";

/** Belong to one connection, or are set anew here: whoever calls cannot choose them. */
const NOT_PASSED_ON: readonly string[] = [
  "user-agent",
  "content-type",
  "content-length",
  "connection",
  "host",
  "te",
  "date",
  "grpc-encoding",
  "grpc-accept-encoding",
  "grpc-timeout",
  "grpc-status",
  "grpc-message",
  ...Object.values(FORWARDED),
];

/** @returns a copy without what concerns the one connection alone */
export function passedOn(metadata: Metadata): Metadata {
  const copy = metadata.clone();
  for (const key of NOT_PASSED_ON) copy.remove(key);
  return copy;
}

/**
 * @param caller whose call it is; undefined when it showed no certificate; "self" when it is to count as a call of this node
 * @throws StatusError (RESOURCE_EXHAUSTED) when the call was forwarded before
 */
export function forwardedMetadata(context: CallContext, caller: ForwardedCaller | "self" | undefined): Metadata {
  const redirects = context.metadata.get(REDIRECT_KEY);
  if (redirects.length > 0) {
    throw new StatusError(
      status.RESOURCE_EXHAUSTED,
      `more than one redirect to leader from: [${redirects.map(String).join(" ")}]`,
    );
  }
  const metadata = passedOn(context.metadata);
  metadata.set(REDIRECT_KEY, context.peer);
  if (caller !== "self") {
    // Also without a certificate: else the call would look like this manager's own.
    metadata.set(FORWARDED.mark, "true");
    metadata.set(FORWARDED.nodeId, caller?.nodeId ?? "");
    metadata.set(FORWARDED.organization, caller?.clusterId ?? "");
    if (caller) metadata.set(FORWARDED.organizationalUnit, caller.organizationalUnit);
    metadata.set(FORWARDED.peer, context.peer);
  }
  return metadata;
}
