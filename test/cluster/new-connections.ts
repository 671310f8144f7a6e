/**
 * A node that connects anew for each call, to one manager after the other, with what its certificate's folder holds at that moment:
 * `new-connections.js FOLDER once|PAUSE_MS HOST:PORT…`. Prints one JSON line for each: start and end in ms since 1970, the manager, or
 * what was wrong. The folder is its owner's; nothing in it is changed.
 */
import { setTimeout as pause } from "node:timers/promises";
import { callUnary, openChannel } from "../../src/api/client-call.js";
import { CAService } from "../../src/api/generated/docker/swarmkit/v1/ca.js";
import { certificateFolderAt } from "../../src/security/node-certificate/certificate-folder.js";
import { CertificateStore } from "../../src/security/node-certificate/certificate-store.js";
import { TlsIdentity } from "../../src/security/tls/tls-identity.js";

const TIMEOUT_MS = 20_000;

const [folder = "", pauseMs, ...managers] = process.argv.slice(2);
const nothing = async (): Promise<void> => {};
const store = new CertificateStore({ ...certificateFolderAt(folder), replace: nothing, remove: nothing });

async function connectTo(manager: string): Promise<object> {
  const started = Date.now();
  let outcome: { readonly answer: string } | { readonly error: string };
  const certificate = await store.load();
  const client = openChannel(`dns:${manager}`, new TlsIdentity(certificate).channelCredentials(), true);
  try {
    await callUnary(client, CAService.getRootCaCertificate, {}, { timeoutMs: TIMEOUT_MS });
    outcome = { answer: manager };
  } catch (error) {
    outcome = { error: `${manager}: ${(error as Error).message}` };
  } finally {
    client.close();
  }
  return { started, ended: Date.now(), ...outcome };
}

// Whoever read the lines is gone.
process.stdout.on("error", () => process.exit(0));
let isOver = false;
process.on("SIGTERM", () => {
  isOver = true;
});
do {
  for (const manager of managers) console.log(JSON.stringify(await connectTo(manager)));
  if (pauseMs === "once") break;
  await pause(Number(pauseMs));
} while (!isOver);
