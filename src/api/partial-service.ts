/** Registers a service of which only some methods are built: the others answer UNIMPLEMENTED and say so. */
import type { ServiceDefinition, UntypedHandleCall, UntypedServiceImplementation } from "@grpc/grpc-js";
import type { ResponseStream } from "./server-call.js";
import { bidirectional, serverStream, unary } from "./server-call.js";
import { unimplemented } from "./status-error.js";

/** @returns an implementation of every method in `definition` */
export function partialService(
  definition: ServiceDefinition,
  built: Readonly<Record<string, UntypedHandleCall>>,
  log: (line: string) => void,
): UntypedServiceImplementation {
  const names = new Set(Object.keys(definition));
  for (const name of Object.keys(built)) {
    if (!names.has(name)) throw new Error(`the service has no method ${name}`);
  }
  return Object.fromEntries(
    Object.entries(definition).map(([name, method]) => [name, built[name] ?? refusal(method, log)]),
  );
}

function refusal(
  method: { readonly path: string; readonly requestStream: boolean; readonly responseStream: boolean },
  log: (line: string) => void,
): UntypedHandleCall {
  const error = unimplemented(`${method.path.slice(1)} is not available in this version of tswarm`);
  const end = (stream: ResponseStream<unknown>) => stream.end(error);
  if (method.requestStream && method.responseStream) {
    return bidirectional((stream) => {
      end(stream);
      return { received: () => {}, ended: () => {} };
    }, log);
  }
  if (method.responseStream) return serverStream((_request, stream: ResponseStream<unknown>) => end(stream), log);
  if (method.requestStream) return (_call: unknown, callback: (error: object) => void) => callback(error);
  return unary(() => {
    throw error;
  }, log);
}
