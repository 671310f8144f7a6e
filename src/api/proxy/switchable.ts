/** A service that is served here while it can be, and forwarded while it cannot: decided at each call. */
import type {
  ServerDuplexStream,
  ServiceDefinition,
  UntypedHandleCall,
  UntypedServiceImplementation,
} from "@grpc/grpc-js";
import { status } from "@grpc/grpc-js";
import type { CallProxy } from "./call-proxy.js";
import { type Method, type RawService, rawDefinition } from "./raw-service.js";

/**
 * @param definition the service's own
 * @param local asked at each call: its handlers (as for `definition`), or undefined to forward it. A method that it lacks is forwarded too.
 */
export function switchable(
  definition: ServiceDefinition,
  local: () => UntypedServiceImplementation | undefined,
  proxy: CallProxy,
): RawService {
  return {
    definition: rawDefinition(definition),
    implementation: Object.fromEntries(
      Object.entries(definition as Record<string, Method>).map(([name, method]) => {
        const forward = proxy.handler(method) as Handler;
        const handler: Handler = (call, answer) => {
          const here = local()?.[name] as Handler | undefined;
          if (!here) forward(call, answer);
          else if (decodeRequests(method, call, answer)) here(call, answer);
        };
        return [name, handler as UntypedHandleCall];
      }),
    ),
  };
}

type Answer = ((error: object | null, ...rest: unknown[]) => void) | undefined;
type Handler = (call: Call, answer: Answer) => void;
/** Every kind of call is one of these to grpc-js, or a part of it. */
type Call = ServerDuplexStream<unknown, unknown> & { request: unknown };

const NOT_UNDERSTOOD = { code: status.INTERNAL, details: "Error deserializing request" };

/** From now on the call gives messages, not bytes. @returns false when it was ended because its request cannot be read */
function decodeRequests(method: Method, call: Call, answer: Answer): boolean {
  const refuse = () => {
    if (answer) answer(NOT_UNDERSTOOD);
    else call.emit("error", NOT_UNDERSTOOD);
  };
  if (!method.requestStream) {
    try {
      call.request = method.requestDeserialize(call.request as Buffer);
    } catch {
      refuse();
      return false;
    }
    return true;
  }
  // grpc-js pushes requests only after the handler has been called.
  const push = call.push.bind(call);
  call.push = (bytes: Buffer | null) => {
    if (bytes === null) return push(null);
    let message: unknown;
    try {
      message = method.requestDeserialize(bytes);
    } catch {
      refuse();
      return false;
    }
    return push(message);
  };
  return true;
}
