/** A service whose requests arrive as bytes, so that they can be passed on as they came. */
import type { MethodDefinition, ServiceDefinition, UntypedServiceImplementation } from "@grpc/grpc-js";

/** What `server.addService` takes. */
export interface RawService {
  readonly definition: ServiceDefinition;
  readonly implementation: UntypedServiceImplementation;
}

export type Method = MethodDefinition<unknown, unknown>;

/** The same methods; requests stay bytes, and responses may be bytes or what the method's own serializer takes. */
export function rawDefinition(definition: ServiceDefinition): ServiceDefinition {
  return Object.fromEntries(
    Object.entries(definition as Record<string, Method>).map(([name, method]) => [
      name,
      {
        ...method,
        requestDeserialize: (bytes: Buffer) => bytes,
        responseSerialize: (value: unknown) => (Buffer.isBuffer(value) ? value : method.responseSerialize(value)),
      },
    ]),
  );
}
