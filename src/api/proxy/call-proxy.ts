/** Passes calls on to another manager as they came: bytes through, whatever the method. */
import {
  type Client,
  type Metadata,
  type ServerDuplexStream,
  type ServiceDefinition,
  status,
  type UntypedHandleCall,
  type UntypedServiceImplementation,
} from "@grpc/grpc-js";
import { type CallContext, contextOf, type DefectLog } from "../server-call.js";
import { StatusError } from "../status-error.js";
import { ForwardedCall } from "./forwarded-call.js";
import { type ForwardedCaller, forwardedMetadata } from "./forwarded-metadata.js";
import type { Method } from "./raw-service.js";

/** Where a call goes. */
export interface ProxyTarget {
  /** Its certificate says who forwards. */
  readonly client: Client;
}

export interface ProxyOptions {
  /** Asked at each call; undefined when nobody can take it. */
  readonly target: () => ProxyTarget | undefined;
  /** What callers read (UNAVAILABLE) while there is no target. */
  readonly noTarget: () => string;
  /**
   * Whose call it is: its certificate's subject, undefined when it showed none, "self" when it is to count as this node's own.
   * @throws StatusError when it may not call
   */
  readonly caller: (context: CallContext) => ForwardedCaller | "self" | undefined;
  readonly log: DefectLog;
}

export class CallProxy {
  readonly #options: ProxyOptions;
  readonly #calls = new Set<ForwardedCall>();

  constructor(options: ProxyOptions) {
    this.#options = options;
  }

  /** Calls under way. */
  get active(): number {
    return this.#calls.size;
  }

  /** @returns a handler for a method that is registered by `rawDefinition` */
  handler(method: Method): UntypedHandleCall {
    // The four kinds of handlers differ in whether there is a callback; without one the response is a stream.
    return ((call: ServerDuplexStream<Buffer, Buffer>, answer?: (...result: unknown[]) => void) =>
      this.#forward(method, call, answer)) as UntypedHandleCall;
  }

  /** Ends all streams that go through here with UNAVAILABLE. Unary calls are left to be answered by whoever has them. */
  reset(reason = "another manager leads now: open the stream again"): void {
    for (const call of [...this.#calls]) {
      if (call.isStream) call.abandon({ code: status.UNAVAILABLE, details: reason });
    }
  }

  #forward(method: Method, call: ServerDuplexStream<Buffer, Buffer>, answer?: (...result: unknown[]) => void): void {
    const { target, noTarget, caller, log } = this.#options;
    const refuse = (code: status, details: string) => {
      if (answer) answer({ code, details });
      else call.emit("error", { code, details });
    };
    let metadata: Metadata;
    let to: ProxyTarget | undefined;
    try {
      const context = contextOf(call);
      const whose = caller(context);
      to = target();
      if (!to) {
        refuse(status.UNAVAILABLE, noTarget());
        return;
      }
      metadata = forwardedMetadata(context, whose);
    } catch (error) {
      if (error instanceof StatusError) {
        refuse(error.code, error.message);
        return;
      }
      log(`${method.path}: ${(error as Error).stack}`);
      refuse(status.INTERNAL, `internal error: ${(error as Error).message}`);
      return;
    }
    const upstream = to.client.makeBidiStreamRequest<Buffer, Buffer>(method.path, same, same, metadata, {
      deadline: call.getDeadline(),
    });
    const forwarded = new ForwardedCall(method, call, upstream, answer, () => this.#calls.delete(forwarded));
    this.#calls.add(forwarded);
    forwarded.start();
  }
}

const same = (bytes: Buffer): Buffer => bytes;

/**
 * Handlers that forward these methods of a service.
 * @param definition the service's own; to be registered by its `rawDefinition`
 * @param methods names as in the definition; all without
 */
export function proxyMethods(
  definition: ServiceDefinition,
  methods: readonly string[] | undefined,
  proxy: CallProxy,
): UntypedServiceImplementation {
  const known = definition as Record<string, Method>;
  return Object.fromEntries(
    (methods ?? Object.keys(known)).map((name) => {
      const method = known[name];
      if (!method) throw new Error(`the service has no method ${name}`);
      return [name, proxy.handler(method)];
    }),
  );
}
