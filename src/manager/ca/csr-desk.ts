/**
 * Where requests for certificates are looked at: each holds the event loop for most of a millisecond, and a thousand nodes may come in one
 * turn of it. What waits is bounded: beyond that callers are sent away.
 */
import { invalidArgument, resourceExhausted } from "../../api/status-error.js";
import { type CertificateRequest, CsrError, readCsr } from "../../security/pki/csr.js";
import { Turnstile } from "../../security/turnstile.js";

const CHECKS_PER_TURN = 4;
const MAX_WAITING = 2000;

export class CsrDesk {
  readonly #turnstile = new Turnstile<() => void>(CHECKS_PER_TURN, (check) => check());

  /** @throws StatusError INVALID_ARGUMENT for what is no sound request; RESOURCE_EXHAUSTED when too many wait */
  check(csrPem: string): Promise<CertificateRequest> {
    if (this.#turnstile.size >= MAX_WAITING) {
      return Promise.reject(
        resourceExhausted(`${MAX_WAITING} nodes ask for certificates already: try again in a while`),
      );
    }
    return new Promise((resolve, reject) => {
      this.#turnstile.enter(() => {
        try {
          resolve(readCsr(csrPem));
        } catch (error) {
          reject(error instanceof CsrError ? invalidArgument(`invalid argument: ${error.message}`) : error);
        }
      });
    });
  }
}
