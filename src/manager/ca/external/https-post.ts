import { type Agent, request } from "node:https";
import type { NodeCertificate } from "../../../security/node-certificate/node-certificate.js";
import type { Clock } from "../../../store/clock.js";
import { AuthorityError } from "./cfssl-protocol.js";

export interface PostOptions {
  readonly url: string;
  /** JSON. */
  readonly body: string;
  /** PEM: what the server's certificate must lead to. */
  readonly rootsPem: string;
  /** Who asks; undefined for nobody in particular. */
  readonly own: NodeCertificate | undefined;
  readonly agent: Agent;
  readonly clock: Clock;
}

/** From the connection to the last byte of the answer. */
const TIMEOUT_MS = 5000;
const MAX_ANSWER_BYTES = 256 * 1024;

/** Follows no redirect. @throws AuthorityError */
export function post(options: PostOptions): Promise<{ readonly status: number; readonly body: string }> {
  const { url, body, rootsPem, own, agent, clock } = options;
  return new Promise((resolve, reject) => {
    const fail = (reason: string) => {
      cancelTimer();
      reject(new AuthorityError(reason));
      call.destroy();
    };
    const cancelTimer = clock.after(TIMEOUT_MS, () => fail(`no answer within ${TIMEOUT_MS} ms`));
    const call = request(
      url,
      {
        method: "POST",
        agent,
        ca: rootsPem,
        minVersion: "TLSv1.2",
        ...(own ? { cert: own.certificatePem, key: own.keyPem } : {}),
        headers: { "content-type": "application/json", "content-length": Buffer.byteLength(body) },
      },
      (answer) => {
        const chunks: Buffer[] = [];
        let bytes = 0;
        answer.on("data", (chunk: Buffer) => {
          bytes += chunk.length;
          if (bytes > MAX_ANSWER_BYTES) fail(`its answer has more than ${MAX_ANSWER_BYTES} bytes`);
          else chunks.push(chunk);
        });
        answer.on("error", (error) => fail(error.message));
        answer.on("end", () => {
          cancelTimer();
          resolve({ status: answer.statusCode ?? 0, body: Buffer.concat(chunks).toString() });
        });
      },
    );
    call.on("error", (error) => fail(error.message));
    call.end(body);
  });
}
