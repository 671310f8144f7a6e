/** Debian's cfssl as an authority that holds a root's key; it talks to members of the cluster alone. */
import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { connect } from "node:tls";
import type { ExecutionContext } from "ava";
import type { NodeCertificate } from "../../../../src/security/node-certificate/node-certificate.js";
import type { CertifiedKey } from "../../../../src/security/pki/certified-key.js";
import { OpenSsl, P256 } from "../../../security/pki/openssl.js";
import { freePort } from "./free-port.js";

const PATIENCE_MS = 30_000;
const PAUSE_MS = 50;

const CONFIG = {
  signing: {
    default: { usages: ["signing", "key encipherment", "server auth", "client auth"], expiry: "2160h" },
    profiles: {
      CA: { usages: ["cert sign", "crl sign"], expiry: "87600h", is_ca: true, ca_constraint: { is_ca: true } },
    },
  },
};

/** A certificate of a root for a server at 127.0.0.1, made by openssl. */
export function serverCertificate(openssl: OpenSsl, root: CertifiedKey, name: string): CertifiedKey {
  const files = {
    root: openssl.write(`${name}-root.crt`, root.certificatePem),
    rootKey: openssl.write(`${name}-root.key`, root.keyPem),
    key: openssl.write(`${name}.key`, openssl.run("genpkey", ...P256)),
    config: openssl.write("empty.cnf", "[req]\ndistinguished_name=dn\n[dn]\n"),
    extensions: openssl.write("server.ext", "subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth\n"),
  };
  const request = openssl.write(
    `${name}.csr`,
    openssl.run("req", "-new", "-config", files.config, "-key", files.key, "-subj", "/CN=authority"),
  );
  const certificatePem = openssl.run(
    ...["x509", "-req", "-in", request, "-CA", files.root, "-CAkey", files.rootKey, "-CAcreateserial"],
    ...["-days", "30", "-sha256", "-extfile", files.extensions],
  );
  openssl.write(`${name}.crt`, certificatePem);
  return { certificatePem, keyPem: openssl.run("pkey", "-in", files.key) };
}

export class CfsslServer {
  readonly url: string;
  readonly port: number;
  readonly #child: ChildProcess;
  #said = "";

  private constructor(port: number, child: ChildProcess) {
    this.port = port;
    this.url = `https://127.0.0.1:${port}/api/v1/cfssl/sign`;
    this.#child = child;
    child.stderr?.on("data", (text) => {
      this.#said += text;
    });
  }

  /** @param member whose certificate it takes */
  static async start(t: ExecutionContext, root: CertifiedKey, member: NodeCertificate): Promise<CfsslServer> {
    const openssl = new OpenSsl(t);
    serverCertificate(openssl, root, "server");
    openssl.write("config.json", JSON.stringify(CONFIG));
    const port = await freePort();
    const child = spawn(
      "cfssl",
      [
        ...["serve", "-address", "127.0.0.1", "-port", String(port), "-config", "config.json"],
        ...[
          "-ca",
          "server-root.crt",
          "-ca-key",
          "server-root.key",
          "-tls-cert",
          "server.crt",
          "-tls-key",
          "server.key",
        ],
        ...["-mutual-tls-ca", openssl.write("members.crt", member.rootPem)],
      ],
      { cwd: openssl.folder, stdio: ["ignore", "ignore", "pipe"] },
    );
    const server = new CfsslServer(port, child);
    t.teardown(() => server.stop());
    await server.#untilItListens(join(openssl.folder, "server-root.crt"));
    return server;
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = new Promise((resolve) => this.#child.once("exit", resolve));
    this.#child.kill();
    await ended;
  }

  async #untilItListens(what: string): Promise<void> {
    const giveUpAt = Date.now() + PATIENCE_MS;
    while (!(await this.#listens())) {
      if (Date.now() > giveUpAt || this.#child.exitCode !== null) throw new Error(`cfssl (${what}): ${this.#said}`);
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  }

  #listens(): Promise<boolean> {
    return new Promise((resolve) => {
      const socket = connect({ host: "127.0.0.1", port: this.port, rejectUnauthorized: false });
      const finish = (listens: boolean) => {
        socket.destroy();
        resolve(listens);
      };
      socket.on("secureConnect", () => finish(true));
      socket.on("error", () => finish(false));
    });
  }
}
