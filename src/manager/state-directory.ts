/** What a manager keeps between runs: today the key that its listeners show. */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { CertifiedKey } from "../security/pki/certified-key.js";
import { selfSignedCertificate } from "../security/pki/self-signed.js";
import { ManagerStartError } from "./manager-error.js";

const FILE = "manager-tls.json";

/** Reads the manager's key, or makes it. @throws ManagerStartError when the folder cannot be written to */
export function loadCertifiedKey(stateDir: string, nodeId: string, nowMs: number): CertifiedKey {
  const path = join(stateDir, FILE);
  try {
    mkdirSync(stateDir, { recursive: true, mode: 0o700 });
    const stored = readStored(path);
    if (stored) return stored;
    const made = selfSignedCertificate(
      {
        organization: "tswarm",
        organizationalUnit: "swarm-manager",
        commonName: nodeId,
        dnsNames: ["swarm-manager", "swarm-ca", nodeId],
      },
      nowMs,
    );
    writeFileSync(`${path}.new`, JSON.stringify(made), { mode: 0o600 });
    renameSync(`${path}.new`, path);
    return made;
  } catch (error) {
    if (error instanceof ManagerStartError) throw error;
    throw new ManagerStartError(`cannot use the state folder ${stateDir}: ${(error as Error).message}`);
  }
}

function readStored(path: string): CertifiedKey | undefined {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
  try {
    const { certificatePem, keyPem } = JSON.parse(text) as Partial<CertifiedKey>;
    if (certificatePem && keyPem) return { certificatePem, keyPem };
  } catch (error) {
    throw new ManagerStartError(`${path} is damaged (${(error as Error).message}): remove it, a new one is made then`);
  }
  throw new ManagerStartError(`${path} holds no key: remove it, a new one is made then`);
}
