/** The four kinds of calls, whole, as promises. */
import type { CallOptions, Client, Metadata, MethodDefinition, StatusObject } from "@grpc/grpc-js";
import { status } from "@grpc/grpc-js";

export interface Outcome {
  readonly responses: string[];
  readonly code: status;
  readonly details: string;
  readonly headers: Metadata | undefined;
  readonly trailers: Metadata;
}

/** Any kind of call: to a client there is no difference on the wire. */
export function call(
  client: Client,
  method: MethodDefinition<string, string>,
  requests: readonly string[],
  metadata: Metadata,
  options: CallOptions = {},
): Promise<Outcome> {
  const stream = client.makeBidiStreamRequest(
    method.path,
    method.requestSerialize,
    method.responseDeserialize,
    metadata,
    options,
  );
  const responses: string[] = [];
  let headers: Metadata | undefined;
  stream.on("metadata", (received: Metadata) => {
    headers = received;
  });
  stream.on("data", (response: string) => responses.push(response));
  for (const request of requests) stream.write(request);
  stream.end();
  return new Promise((resolve) => {
    // Each error comes as a status too.
    stream.on("error", () => stream.resume());
    stream.on("status", ({ code, details, metadata: trailers }: StatusObject) => {
      const end = () => resolve({ responses, code, details, headers, trailers });
      if (code === status.OK && !stream.readableEnded) stream.once("end", end);
      else end();
    });
  });
}
