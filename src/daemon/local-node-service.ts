/** The node as people on its own host see it: where it stands, and into and out of clusters. */
import {
  type InitClusterRequest,
  type InitClusterResponse,
  type JoinRequest,
  type JoinResponse,
  type LeaveClusterRequest,
  LocalNodeService,
  type NodeInfoResponse,
} from "../api/generated/tswarm/v1/node.js";
import { partialService } from "../api/partial-service.js";
import { unary } from "../api/server-call.js";
import { failedPrecondition, invalidArgument, StatusError, unavailable } from "../api/status-error.js";
import { JoinTokenError } from "../security/pki/join-token.js";
import { AddressError } from "./addresses/choose.js";
import { HostFactsError } from "./host-facts.js";
import { ForeignClusterError } from "./identity/fetch-root.js";
import { StartRefusedError } from "./start-plan.js";

/** What it is asked comes one after the other. */
export interface LocalNodeHost {
  info(): Promise<NodeInfoResponse>;
  /** @throws StatusError, or an Error with one clear line */
  init(request: InitClusterRequest): Promise<InitClusterResponse>;
  join(request: JoinRequest): Promise<JoinResponse>;
  leave(isForced: boolean): Promise<void>;
}

export function localNodeService(host: LocalNodeHost, log: (line: string) => void) {
  const implementation = partialService(
    LocalNodeService,
    {
      info: unary(() => host.info(), log),
      init: unary((request: InitClusterRequest) => said(host.init(request)), log),
      join: unary((request: JoinRequest) => said(host.join(request)), log),
      leave: unary(async ({ force }: LeaveClusterRequest) => {
        await said(host.leave(force));
        return {};
      }, log),
    },
    log,
  );
  return { definition: LocalNodeService, implementation };
}

/** Whoever asked gets the reason itself, whatever kind of error it came as. */
async function said<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof StatusError) throw error;
    const { message } = error as Error;
    const isAsked = [AddressError, JoinTokenError, HostFactsError].some((kind) => error instanceof kind);
    if (isAsked) throw invalidArgument(message);
    const isRefused = [ForeignClusterError, StartRefusedError].some((kind) => error instanceof kind);
    throw isRefused ? failedPrecondition(message) : unavailable(message);
  }
}
