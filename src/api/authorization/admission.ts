/** The one place that every call of a server comes through before its handler, streams included: when its headers are there. */
import {
  type Metadata,
  ServerInterceptingCall,
  type ServerInterceptingCallInterface,
  type ServerInterceptor,
} from "@grpc/grpc-js";
import { type CallContext, contextOf, type DefectLog, remember, statusOf } from "../server-call.js";

/**
 * For the `interceptors` of a server's options.
 * @param admit throws a StatusError for whoever may not call
 */
export function admission(admit: (context: CallContext) => void, log: DefectLog): ServerInterceptor {
  return intercepting(({ path }, call, metadata) => {
    const context = contextOf({
      getPath: () => path,
      metadata,
      getPeer: () => call.getPeer(),
      getAuthContext: () => call.getAuthContext(),
    });
    admit(context);
    return context;
  }, log);
}

/** For a server on a unix socket: its calls are made on this host, by whoever may open it. @param socket its path */
export function localAdmission(socket: string, log: DefectLog): ServerInterceptor {
  return intercepting(({ path }, _call, metadata) => ({ path, metadata, peer: socket, isLocal: true }), log);
}

function intercepting(
  contextFor: (
    method: { readonly path: string },
    call: ServerInterceptingCallInterface,
    metadata: Metadata,
  ) => CallContext,
  log: DefectLog,
): ServerInterceptor {
  return (method, call) =>
    new ServerInterceptingCall(call, {
      start: (begin) =>
        begin({
          onReceiveMetadata: (metadata, proceed) => {
            try {
              remember(contextFor(method, call, metadata));
            } catch (error) {
              call.sendStatus(statusOf(error, method.path, log));
              return;
            }
            proceed(metadata);
          },
        }),
    });
}
