/** Calls that change something wait for a leader, and for what they changed to be seen here. */
import type { Metadata, MethodDefinition, UntypedServiceImplementation } from "@grpc/grpc-js";
import { wasUnsent } from "../../api/proxy/forwarded-call.js";
import type { RawService } from "../../api/proxy/raw-service.js";

type Answer = (error: object | null, response?: unknown, trailer?: Metadata) => void;
type Handler = (call: unknown, answer?: Answer) => void;

export interface Patience {
  /** undefined when there is nothing to wait for; else resolves when there is a leader, or it takes too long. */
  leader(): Promise<void> | undefined;
  /** Resolves when leadership has changed, or it takes too long; then undefined until it has. */
  anotherLeader(): Promise<void> | undefined;
  /** undefined when the store holds what this answer tells of; else resolves when it does, or it takes too long. */
  seen(trailer: Metadata): Promise<void> | undefined;
}

/** Concerns methods with one request and one response. */
export function patient({ definition, implementation }: RawService, patience: Patience): RawService {
  const methods = definition as Record<string, MethodDefinition<unknown, unknown>>;
  return {
    definition,
    implementation: Object.fromEntries(
      Object.entries(implementation).map(([name, handler]) => {
        const { requestStream, responseStream } = methods[name]!;
        return [name, requestStream || responseStream ? handler : unaryWith(handler as Handler, patience)];
      }),
    ) as UntypedServiceImplementation,
  };
}

function unaryWith(handler: Handler, { leader, anotherLeader, seen }: Patience): Handler {
  return (call, answer) => {
    const attempt = () => {
      const waiting = leader();
      if (!waiting) handler(call, told);
      else waiting.finally(() => handler(call, told));
    };
    const told: Answer = (error, response, trailer) => {
      // A leader that has just died is taken for one until the others notice.
      const change = wasUnsent(error) ? anotherLeader() : undefined;
      if (change) {
        change.finally(attempt);
        return;
      }
      const waiting = error === null && trailer ? seen(trailer) : undefined;
      if (!waiting) answer?.(error, response, trailer);
      else waiting.finally(() => answer?.(error, response, trailer));
    };
    attempt();
  };
}
