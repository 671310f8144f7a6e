import { resolve as resolvePath } from "node:path";
import { CommandError } from "./failure.js";
import { humanSpan } from "./render/time-ago.js";
import { Channel } from "./rpc/channel.js";
import { CallFailure, ConnectError } from "./rpc/errors.js";
import { Status, statusName } from "./rpc/status.js";
import { formatSocketAddress, type SocketAddress } from "./socket-address.js";

/** One unary method of a generated service definition. */
export interface UnaryMethod<Request, Response> {
  readonly path: string;
  readonly requestSerialize: (value: Request) => Buffer;
  readonly responseDeserialize: (value: Buffer) => Response;
}

/** Calls to one program of this node: its manager, or its daemon. */
export interface Connection {
  /** As a person would write it. */
  readonly address: string;
  /**
   * @param timeoutMs another limit than that of `--timeout`
   * @throws RpcError when the server refuses, UnreachableError when there is none
   */
  call<Request, Response>(
    method: UnaryMethod<Request, Response>,
    request: Request,
    timeoutMs?: number,
  ): Promise<Response>;
  /**
   * The responses of a stream, as fast as they are taken; who stops taking ends it. Each stream has a connection of its own making when the
   * one before broke.
   * @throws as call, in the course of it too
   */
  stream<Request, Response>(method: UnaryMethod<Request, Response>, request: Request): AsyncIterable<Response>;
  close(): void;
}

/** The server's refusal: its own words are the message. */
export class RpcError extends CommandError {
  override readonly name = "RpcError";
  constructor(
    message: string,
    readonly code: number,
  ) {
    super(message);
  }
}

/** Nothing that answers is at the address. */
export class UnreachableError extends CommandError {
  override readonly name = "UnreachableError";
}

/** The permissions of the socket stand in the way. */
export class DeniedError extends UnreachableError {}

/** The time for a call is over. */
export class TimeoutError extends UnreachableError {}

/** Tells why nobody listens at an address, where something else knows. */
export type WhyAway = () => Promise<CommandError | undefined>;

/**
 * Nothing is sent before the first call. The certificate of the other side is not verified: the permissions of its socket decide who
 * may call, and a manager that is reached by TCP refuses who has no certificate.
 */
export function openConnection(address: SocketAddress, defaultTimeoutMs: number, whyAway?: WhyAway): Connection {
  const absolute: SocketAddress = address.kind === "unix" ? { kind: "unix", path: resolvePath(address.path) } : address;
  const channel = new Channel(absolute);
  const where = formatSocketAddress(absolute);
  const failed = async (error: unknown, path: string, timeoutMs: number): Promise<unknown> => {
    if (error instanceof CallFailure) return refusal(error, path, where, timeoutMs);
    if (!(error instanceof ConnectError)) return error;
    const isAway = error.code === "ENOENT" || error.code === "ECONNREFUSED";
    return (isAway && (await whyAway?.())) || unreachable(error, where, timeoutMs);
  };
  return {
    address: formatSocketAddress(address),
    async call(method, request, timeoutMs = defaultTimeoutMs) {
      try {
        const { message } = await channel.call(method.path, method.requestSerialize(request), timeoutMs);
        return method.responseDeserialize(message);
      } catch (error) {
        throw await failed(error, method.path, timeoutMs);
      }
    },
    async *stream(method, request) {
      const { path, requestSerialize, responseDeserialize } = method;
      try {
        for await (const message of channel.stream(path, requestSerialize(request), defaultTimeoutMs)) {
          yield responseDeserialize(message);
        }
      } catch (error) {
        if (isBroken(error)) channel.drop();
        throw await failed(error, path, defaultTimeoutMs);
      }
    },
    close: () => channel.close(),
  };
}

/** The connection itself may be of no use any more. */
function isBroken(error: unknown): boolean {
  return error instanceof ConnectError || (error instanceof CallFailure && error.code === Status.UNAVAILABLE);
}

function refusal({ code, details }: CallFailure, path: string, where: string, timeoutMs: number): CommandError {
  switch (code) {
    case Status.UNAVAILABLE:
      return new RpcError(details || "the cluster is not available", code);
    case Status.DEADLINE_EXCEEDED:
      return late(where, timeoutMs);
    case Status.UNIMPLEMENTED:
      return new RpcError(`tswarmd at ${where} does not know ${path.slice(1)}: ${details}`, code);
    default:
      return new RpcError(details || `${statusName(code)} from tswarmd at ${where}`, code);
  }
}

function late(where: string, timeoutMs: number): TimeoutError {
  return new TimeoutError(
    `tswarmd at ${where} has not answered within ${humanSpan(timeoutMs)} (--timeout sets another limit)`,
  );
}

function unreachable({ code, message, stage }: ConnectError, where: string, timeoutMs: number): UnreachableError {
  const hint = "(-s PATH or TSWARM_HOST names another socket)";
  if (stage === "tls" && code !== "ETIMEDOUT")
    return new UnreachableError(`${where} is served, but not by tswarmd: ${message} ${hint}`);
  switch (code) {
    case "ENOENT":
    case "ECONNREFUSED":
      return new UnreachableError(`Cannot connect to the tswarm daemon at ${where}. Is tswarmd running?`);
    case "EACCES":
    case "EPERM":
      return new DeniedError(
        `Cannot connect to the tswarm daemon at ${where}: permission denied; run tsctl as root or as the owner of the socket ${hint}`,
      );
    case "ENOTSOCK":
      return new UnreachableError(`Cannot connect to the tswarm daemon at ${where}: this file is not a socket ${hint}`);
    case "ETIMEDOUT":
      return late(where, timeoutMs);
    default:
      return new UnreachableError(`Cannot connect to the tswarm daemon at ${where}: ${code} ${hint}`);
  }
}
