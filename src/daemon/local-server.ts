/** A gRPC server of the daemon on a unix socket of its own. */
import { lchownSync, lstatSync, mkdirSync, unlinkSync } from "node:fs";
import { connect } from "node:net";
import { dirname } from "node:path";
import { Server, type ServiceDefinition, type UntypedServiceImplementation } from "@grpc/grpc-js";
import { localAdmission } from "../api/authorization/admission.js";
import { SERVER_OPTIONS } from "../api/transport-options.js";
import { selfSignedCertificate } from "../security/pki/self-signed.js";
import { serverCredentials } from "../security/transport.js";
import type { ManagerUser } from "./manager-user.js";

/** Only its owner may open the socket, from the moment in which it is made. */
const PRIVATE_UMASK = 0o177;
const CLOSE_LIMIT_MS = 1000;

/** Another daemon listens there, or the socket cannot be made. One clear line. */
export class LocalServerError extends Error {
  override readonly name = "LocalServerError";
}

export interface LocalServer {
  close(): Promise<void>;
}

/**
 * @param owner of the socket; undefined: this process's user
 * @throws LocalServerError
 */
export async function serveLocally(
  path: string,
  service: { readonly definition: ServiceDefinition; readonly implementation: UntypedServiceImplementation },
  owner: ManagerUser | undefined,
  log: (line: string) => void,
): Promise<LocalServer> {
  const server = new Server({ ...SERVER_OPTIONS, interceptors: [localAdmission(path, log)] });
  server.addService(service.definition, service.implementation);
  const subject = { organization: "tswarm", organizationalUnit: "tswarmd", dnsNames: ["swarm-manager"] };
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o755 });
    await removeStale(path);
    await bind(server, path, serverCredentials(selfSignedCertificate(subject, Date.now())));
    // The folder may be the manager's: nothing that it puts in the socket's place is followed.
    if (owner) lchownSync(path, owner.uid, owner.gid);
  } catch (error) {
    server.forceShutdown();
    if (error instanceof LocalServerError) throw error;
    throw new LocalServerError(`cannot listen on the socket ${path}: ${(error as Error).message}`);
  }
  return { close: () => close(server) };
}

async function bind(server: Server, path: string, credentials: ReturnType<typeof serverCredentials>): Promise<void> {
  const umask = process.umask(PRIVATE_UMASK);
  try {
    await new Promise<void>((resolve, reject) => {
      server.bindAsync(`unix:${path}`, credentials, (error) => (error ? reject(error) : resolve()));
    });
  } finally {
    process.umask(umask);
  }
}

async function removeStale(path: string): Promise<void> {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  if (!stat) return;
  if (!stat.isSocket()) throw new LocalServerError(`cannot make the socket ${path}: a file is in its place`);
  const isServed = await new Promise<boolean>((resolve) => {
    const socket = connect({ path }, () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
  if (isServed) throw new LocalServerError(`cannot listen on the socket ${path}: another tswarmd listens there`);
  unlinkSync(path);
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    const force = setTimeout(() => server.forceShutdown(), CLOSE_LIMIT_MS);
    server.tryShutdown(() => {
      clearTimeout(force);
      resolve();
    });
  });
}
