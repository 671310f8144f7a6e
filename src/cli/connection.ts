import { createConnection } from "node:net";
import { resolve as resolvePath } from "node:path";
import { type ServiceError, status } from "@grpc/grpc-js";
import { callUnary, openChannel, type UnaryMethod } from "../api/client-call.js";
import { trustingCredentials } from "../security/transport.js";
import { CommandError } from "./failure.js";
import { humanSpan } from "./render/time-ago.js";
import { formatSocketAddress, grpcTarget, type SocketAddress } from "./socket-address.js";

/** Calls to one tswarmd. */
export interface Connection {
  /** As a person would write it. */
  readonly address: string;
  /** @throws RpcError when the server refuses, UnreachableError when there is none */
  call<Request, Response>(method: UnaryMethod<Request, Response>, request: Request): Promise<Response>;
  close(): void;
}

/** The server's refusal: its own words are the message. */
export class RpcError extends CommandError {
  override readonly name = "RpcError";
  constructor(
    message: string,
    readonly code: status,
  ) {
    super(message);
  }
}

/** Nothing that answers is at the address. */
export class UnreachableError extends CommandError {
  override readonly name = "UnreachableError";
}

/**
 * Opens a channel; nothing is sent before the first call. The certificate is not verified: tswarmd's is self-made, and the
 * permissions of its socket decide who may call.
 */
export function openConnection(address: SocketAddress, timeoutMs: number): Connection {
  const absolute: SocketAddress = address.kind === "unix" ? { kind: "unix", path: resolvePath(address.path) } : address;
  const client = openChannel(grpcTarget(absolute), trustingCredentials());
  return {
    address: formatSocketAddress(address),
    async call(method, request) {
      try {
        return await callUnary(client, method, request, { timeoutMs });
      } catch (error) {
        if (!isServiceError(error)) throw error;
        throw await explain(error, method.path, absolute, timeoutMs);
      }
    },
    close: () => client.close(),
  };
}

function isServiceError(error: unknown): error is ServiceError {
  return error instanceof Error && typeof (error as Partial<ServiceError>).code === "number";
}

async function explain(
  error: ServiceError,
  path: string,
  address: SocketAddress,
  timeoutMs: number,
): Promise<CommandError> {
  const where = formatSocketAddress(address);
  switch (error.code) {
    case status.UNAVAILABLE:
      // A server that answers may say so itself, for example when the cluster has no leader.
      return (
        (await unreachable(address, error)) ?? new RpcError(error.details || "the cluster is not available", error.code)
      );
    case status.DEADLINE_EXCEEDED:
      return new UnreachableError(
        `tswarmd at ${where} has not answered within ${humanSpan(timeoutMs)} (--timeout sets another limit)`,
      );
    case status.UNIMPLEMENTED:
      return new RpcError(`tswarmd at ${where} does not know ${path.slice(1)}: ${error.details}`, error.code);
    default:
      return new RpcError(error.details || `${status[error.code] ?? error.code} from tswarmd at ${where}`, error.code);
  }
}

const CONNECT_TIMEOUT_MS = 2000;

/** Tells why nothing could be reached, or undefined when the connection stands and it was the server that refused. */
async function unreachable(address: SocketAddress, error: ServiceError): Promise<UnreachableError | undefined> {
  const where = formatSocketAddress(address);
  const hint = "(-s PATH or SWARM_SOCKET names another socket)";
  const code = await tryToConnect(address);
  switch (code) {
    case undefined:
      if (!/no connection established|connection dropped|tls|ssl|socket hang up|ECONNRESET/i.test(error.details))
        return undefined;
      return new UnreachableError(`${where} is served, but not by tswarmd: ${firstLine(error.details)} ${hint}`);
    case "ENOENT":
      return new UnreachableError(`cannot reach tswarmd at ${where}: no such file; is it running? ${hint}`);
    case "EACCES":
    case "EPERM":
      return new UnreachableError(
        `cannot reach tswarmd at ${where}: permission denied; run tsctl as root or as the owner of the socket ${hint}`,
      );
    case "ECONNREFUSED":
      return new UnreachableError(`cannot reach tswarmd at ${where}: connection refused; is it running? ${hint}`);
    case "ENOTSOCK":
      return new UnreachableError(`cannot reach tswarmd at ${where}: this file is not a socket ${hint}`);
    default:
      return new UnreachableError(`cannot reach tswarmd at ${where}: ${code}; is it running? ${hint}`);
  }
}

/** @returns the error's code, or undefined when the connection stands */
function tryToConnect(address: SocketAddress): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = createConnection(
      address.kind === "unix" ? { path: address.path } : { host: address.host, port: address.port },
    );
    const end = (code: string | undefined) => {
      socket.destroy();
      resolve(code);
    };
    socket.setTimeout(CONNECT_TIMEOUT_MS, () => end("no answer"));
    socket.once("connect", () => end(undefined));
    socket.once("error", (error: NodeJS.ErrnoException) => end(error.code ?? error.message));
  });
}

function firstLine(text: string): string {
  return text.split("\n", 1)[0]!;
}
