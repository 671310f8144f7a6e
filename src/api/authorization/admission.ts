/** The one place that every call of a server comes through before its handler, streams included: when its headers are there. */
import {
  type Metadata,
  ServerInterceptingCall,
  type ServerInterceptingCallInterface,
  type ServerInterceptor,
} from "@grpc/grpc-js";
import { type CallContext, contextOf, type DefectLog, remember, statusOf } from "../server-call.js";
import { resourceExhausted } from "../status-error.js";

/**
 * For the `interceptors` of a server's options.
 * @param admit throws a StatusError for whoever may not call
 * @param maxHeaderBytes HTTP/2 lets half a megabyte through, which each call would hold
 */
export function admission(
  admit: (context: CallContext) => void,
  maxHeaderBytes: number,
  log: DefectLog,
): ServerInterceptor {
  return intercepting(({ path }, call, metadata) => {
    if (headerBytes(metadata) > maxHeaderBytes) {
      throw resourceExhausted(`the call's headers are larger than ${maxHeaderBytes} bytes`);
    }
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

function headerBytes(metadata: Metadata): number {
  let bytes = 0;
  const headers = metadata.toHttp2Headers();
  for (const name in headers) {
    bytes += name.length;
    const values = headers[name];
    if (typeof values === "string") bytes += values.length;
    else if (Array.isArray(values)) for (const value of values) bytes += value.length;
  }
  return bytes;
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
