import { connect } from "node:tls";
import type { NodeCertificate } from "../../../security/node-certificate/node-certificate.js";
import type { Clock } from "../../../store/clock.js";

export interface ReachOptions {
  readonly url: string;
  /** PEM: what the server's certificate must lead to. */
  readonly rootsPem: string;
  readonly own: NodeCertificate | undefined;
  readonly clock: Clock;
}

const TIMEOUT_MS = 5000;
const HTTPS_PORT = 443;

/** Whether a TLS server is there that can be verified. */
export function reach({ url, rootsPem, own, clock }: ReachOptions): Promise<boolean> {
  const address = httpsAddress(url);
  if (!address) return Promise.resolve(false);
  return new Promise((resolve) => {
    const socket = connect({
      ...address,
      ca: rootsPem,
      minVersion: "TLSv1.2",
      ...(own ? { cert: own.certificatePem, key: own.keyPem } : {}),
    });
    const finish = (isReachable: boolean) => {
      cancelTimer();
      socket.destroy();
      resolve(isReachable);
    };
    const cancelTimer = clock.after(TIMEOUT_MS, () => finish(false));
    socket.on("secureConnect", () => finish(true));
    socket.on("error", () => finish(false));
    socket.on("close", () => finish(false));
  });
}

/** @returns undefined for what is no https URL */
export function httpsAddress(text: string): { readonly host: string; readonly port: number } | undefined {
  if (!URL.canParse(text)) return undefined;
  const { protocol, hostname, port } = new URL(text);
  if (protocol !== "https:" || hostname === "") return undefined;
  return { host: hostname.replace(/^\[|\]$/g, ""), port: port === "" ? HTTPS_PORT : Number(port) };
}
