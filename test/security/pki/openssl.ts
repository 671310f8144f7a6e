/** The real openssl, on files in a folder of its own that goes when the test ends. */
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ExecutionContext } from "ava";

const TIMEOUT_MS = 60_000;

export class OpenSsl {
  readonly folder = mkdtempSync(join(tmpdir(), "tswarm-openssl-"));

  constructor(t: ExecutionContext) {
    t.teardown(() => rmSync(this.folder, { recursive: true, force: true }));
  }

  /** @returns what it wrote. @throws Error with what it said when it fails */
  run(...args: readonly string[]): string {
    return execFileSync("openssl", args, { cwd: this.folder, encoding: "utf8", timeout: TIMEOUT_MS, stdio: "pipe" });
  }

  /** Everything it wrote, on both outputs, and whether it was content. */
  says(...args: readonly string[]): { readonly ok: boolean; readonly text: string } {
    const { status, stdout, stderr } = spawnSync("openssl", args, {
      cwd: this.folder,
      encoding: "utf8",
      timeout: TIMEOUT_MS,
    });
    return { ok: status === 0, text: stdout + stderr };
  }

  write(name: string, text: string): string {
    writeFileSync(join(this.folder, name), text);
    return name;
  }

  /** Of a chain that comes in one text, as a peer shows it. */
  verify(
    chainPem: string,
    rootPem: string,
    ...args: readonly string[]
  ): { readonly ok: boolean; readonly text: string } {
    const chain = this.write("chain.pem", chainPem);
    const roots = this.write("roots.pem", rootPem);
    return this.says("verify", "-x509_strict", "-CAfile", roots, "-untrusted", chain, ...args, chain);
  }
}

/** A user's own root, made with openssl. */
export interface ForeignRoot {
  readonly certificatePem: string;
  readonly keyPem: string;
}

const CA_EXTENSIONS = ["basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign,cRLSign"];

export interface ForeignRootOptions {
  /** As `openssl genpkey` takes it. */
  readonly key?: readonly string[];
  readonly days?: number;
  readonly subject?: string;
  readonly extensions?: readonly string[];
  readonly digest?: string;
}

export const P256 = ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"];
export const P384 = ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"];
export const P521 = ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-521"];
export const RSA = ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"];

export function foreignRoot(openssl: OpenSsl, options: ForeignRootOptions = {}): ForeignRoot {
  const {
    key = P256,
    days = 3650,
    subject = "/CN=Our Own Root",
    extensions = CA_EXTENSIONS,
    digest = "-sha256",
  } = options;
  const keyPem = openssl.run("genpkey", ...key);
  const file = openssl.write("own.key", keyPem);
  // Without a file of its own, openssl would add what the host's says.
  const config = openssl.write("empty.cnf", "[req]\ndistinguished_name=dn\n[dn]\n");
  const certificatePem = openssl.run(
    ...["req", "-x509", "-new", "-config", config, "-key", file, "-subj", subject, "-days", String(days), digest],
    ...extensions.flatMap((one) => ["-addext", one]),
  );
  return { certificatePem, keyPem };
}
