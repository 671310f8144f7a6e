import type { UntypedHandleCall, UntypedServiceImplementation } from "@grpc/grpc-js";
import { type CallContext, contextOf } from "../../api/server-call.js";
import { StatusError } from "../../api/status-error.js";

type Answer = ((error: object) => void) | undefined;
type Call = Parameters<typeof contextOf>[0] & { emit(event: "error", error: object): boolean };
type Handler = (call: Call, answer: Answer) => void;

/** The same handlers for those alone who may call. @param check throws a StatusError for others */
export function guarded(
  implementation: UntypedServiceImplementation,
  check: (context: CallContext) => void,
): UntypedServiceImplementation {
  return Object.fromEntries(
    Object.entries(implementation).map(([name, handler]) => {
      const checked: Handler = (call, answer) => {
        try {
          check(contextOf(call));
        } catch (error) {
          if (!(error instanceof StatusError)) throw error;
          const refusal = { code: error.code, details: error.message };
          if (answer) answer(refusal);
          else call.emit("error", refusal);
          return;
        }
        (handler as unknown as Handler)(call, answer);
      };
      return [name, checked as unknown as UntypedHandleCall];
    }),
  );
}
