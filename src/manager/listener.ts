/** Binds gRPC servers to a unix socket or a TCP address, with errors that say what is in the way. */
import { chmodSync, lstatSync, mkdirSync, unlinkSync } from "node:fs";
import { connect, createServer } from "node:net";
import { dirname } from "node:path";
import type { Server, ServerCredentials } from "@grpc/grpc-js";
import { ManagerStartError } from "./manager-error.js";

const SOCKET_MODE = 0o660;
const PRIVATE_UMASK = 0o177;

/** @throws ManagerStartError when another process listens there, or the socket cannot be made */
export async function listenUnix(server: Server, path: string, credentials: ServerCredentials): Promise<void> {
  try {
    mkdirSync(dirname(path), { recursive: true });
    await removeStaleSocket(path);
  } catch (error) {
    if (error instanceof ManagerStartError) throw error;
    throw new ManagerStartError(`cannot make the control socket ${path}: ${(error as Error).message}`);
  }
  // Nobody but the owner may connect until the mode is right.
  const umask = process.umask(PRIVATE_UMASK);
  try {
    await bind(server, `unix:${path}`, credentials);
    chmodSync(path, SOCKET_MODE);
  } catch (error) {
    const reason = await probe({ path });
    throw new ManagerStartError(`cannot listen on the control socket ${path}: ${reason ?? (error as Error).message}`);
  } finally {
    process.umask(umask);
  }
}

/** A server that listens at a port by itself. */
interface TcpServer {
  listen(address: string): Promise<number>;
}

/** @param address "0.0.0.0:2377" @returns the port @throws ManagerStartError */
export async function listenTcp(server: TcpServer, address: string): Promise<number> {
  try {
    return await server.listen(address);
  } catch (error) {
    const colon = address.lastIndexOf(":");
    const host = address.slice(0, colon).replace(/^\[|\]$/g, "");
    const reason = await probe({ host, port: Number(address.slice(colon + 1)) });
    throw new ManagerStartError(`cannot listen for nodes on ${address}: ${reason ?? (error as Error).message}`);
  }
}

function bind(server: Server, address: string, credentials: ServerCredentials): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync(address, credentials, (error, port) => (error ? reject(error) : resolve(port)));
  });
}

/** gRPC does not pass the reason on: tries to listen by itself. @returns undefined when that works */
function probe(
  target: { readonly path: string } | { readonly host: string; readonly port: number },
): Promise<string | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", (error: NodeJS.ErrnoException) => resolve(REASONS[error.code ?? ""] ?? error.message));
    server.listen(target, () => server.close(() => resolve(undefined)));
  });
}

const REASONS: Readonly<Record<string, string>> = {
  EADDRINUSE: "another process listens there (is a manager running already?)",
  EADDRNOTAVAIL: "this host has no such address",
  EACCES: "permission denied",
};

/** A socket that nobody listens on is left over from a process that was killed. */
async function removeStaleSocket(path: string): Promise<void> {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  if (!stat) return;
  if (!stat.isSocket()) throw new ManagerStartError(`cannot make the control socket ${path}: a file is in its place`);
  const isServed = await new Promise<boolean>((resolve) => {
    const socket = connect({ path }, () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
  if (isServed) {
    throw new ManagerStartError(
      `cannot listen on the control socket ${path}: another process listens there (is a manager running already?)`,
    );
  }
  unlinkSync(path);
}
