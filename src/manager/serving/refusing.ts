import type { ServiceDefinition, UntypedServiceImplementation } from "@grpc/grpc-js";
import type { StatusError } from "../../api/status-error.js";

type Answer = ((error: object) => void) | undefined;
type Call = { emit(event: "error", error: object): boolean };

/** A service of which every method answers with this error. */
export function refusing(definition: ServiceDefinition, { code, message }: StatusError): UntypedServiceImplementation {
  const error = { code, details: message };
  const handler = (call: Call, answer: Answer) => {
    if (answer) answer(error);
    else call.emit("error", error);
  };
  return Object.fromEntries(
    Object.keys(definition).map((name) => [name, handler as unknown as UntypedServiceImplementation[string]]),
  );
}
