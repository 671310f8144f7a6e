/** Unary calls as promises, each with a deadline. */
import { type CallOptions, type ChannelCredentials, Client, Metadata, type ServiceError } from "@grpc/grpc-js";
import { CHANNEL_OPTIONS } from "./transport-options.js";

/** One unary method of a generated service definition. */
export interface UnaryMethod<Request, Response> {
  readonly path: string;
  readonly requestSerialize: (value: Request) => Buffer;
  readonly responseDeserialize: (value: Buffer) => Response;
}

/** Metadata and deadlines for all calls of one peer. */
export interface CallSettings {
  readonly timeoutMs: number;
  readonly metadata?: Metadata;
}

/**
 * @param target "unix:/path" or "dns:host:port"
 * @param isOwnConnection not shared with other channels to the same target
 */
export function openChannel(target: string, credentials: ChannelCredentials, isOwnConnection = false): Client {
  const options = isOwnConnection ? { ...CHANNEL_OPTIONS, "grpc.use_local_subchannel_pool": 1 } : CHANNEL_OPTIONS;
  return new Client(target, credentials, options);
}

/** @throws ServiceError with the server's code and details, or DEADLINE_EXCEEDED, UNAVAILABLE */
export function callUnary<Request, Response>(
  client: Client,
  method: UnaryMethod<Request, Response>,
  request: Request,
  settings: CallSettings,
): Promise<Response> {
  return new Promise((resolve, reject) => {
    const options: CallOptions = { deadline: Date.now() + settings.timeoutMs };
    client.makeUnaryRequest(
      method.path,
      method.requestSerialize,
      method.responseDeserialize,
      request,
      settings.metadata ?? new Metadata(),
      options,
      (error: ServiceError | null, response?: Response) => {
        if (error) reject(error);
        else resolve(response as Response);
      },
    );
  });
}
