/** Keeps a node's certificate valid. */
import { certificateFacts } from "../pki/certificate-facts.js";
import { checkChain } from "../pki/chain.js";
import { makeCsr } from "../pki/csr.js";
import { roleOfOrganizationalUnit } from "../pki/organizational-unit.js";
import { acceptCertificate, type CertificateAnswer } from "./accept-certificate.js";
import type { CertificateStore } from "./certificate-store.js";
import type { NodeCertificate } from "./node-certificate.js";
import { nextRenewal, retryDelay } from "./renewal-times.js";

export interface RenewerClock {
  /** Milliseconds since 1970. */
  now(): number;
  /** Calls `action` once, `delayMs` from now. @returns a function that takes the call back */
  after(delayMs: number, action: () => void): () => void;
}

export interface CertificateRenewerOptions {
  readonly store: Pick<CertificateStore, "save" | "saveRoots">;
  /** What the store holds. */
  readonly certificate: NodeCertificate;
  /** Asks a manager for a certificate of the same node and role. The signal says that nobody waits for it any more. */
  readonly request: (csrPem: string, signal: AbortSignal) => Promise<CertificateAnswer>;
  readonly clock: RenewerClock;
  /** In [0, 1). */
  readonly random: () => number;
  /** It is tried again after so long. */
  readonly onFailure?: (error: unknown, retryInMs: number) => void;
}

/** Longer than a manager takes to sign, with an external authority and a change of leaders. */
const MAX_ATTEMPT_MS = 120_000;
/** The wall clock may be set, and stands still while a host sleeps; and no timer waits longer than 24 days. */
const MAX_WAIT_MS = 3_600_000;
/** Whoever asks for it at once over and over does not ask managers more often than this after a failure. */
const MIN_RETRY_MS = 2_500;
/** One that comes close to its end already, as when its root does, is not renewed over and over. */
const MIN_GAP_MS = 60_000;

/** One attempt at a time. Does nothing before {@link start}; after {@link stop} it does nothing any more. */
export class CertificateRenewer {
  readonly #options: CertificateRenewerOptions;
  readonly #listeners = new Set<(certificate: NodeCertificate) => void>();
  #current: NodeCertificate;
  /** The newest that were heard of; they may be on their way to the disk. */
  #roots: string;
  #failures = 0;
  /** Of the wall clock. */
  #dueMs = Number.POSITIVE_INFINITY;
  #notBeforeMs = Number.NEGATIVE_INFINITY;
  #cancelWait: () => void = () => undefined;
  #attempt: { readonly abort: AbortController; readonly done: Promise<void> } | undefined;
  #outcome: Outcome | undefined;
  /** Resolves when no roots are on their way to the disk; never rejects. */
  #saved: Promise<unknown> = Promise.resolve();
  #isStopped = false;

  constructor(options: CertificateRenewerOptions) {
    this.#options = options;
    this.#current = options.certificate;
    this.#roots = options.certificate.rootPem;
  }

  get current(): NodeCertificate {
    return this.#current;
  }

  /** Milliseconds since 1970; in the past while an attempt is under way. */
  get dueMs(): number {
    return this.#dueMs;
  }

  /** Called with each one that follows, or whose roots changed, once it is stored. @returns takes the listener away */
  onChange(listener: (certificate: NodeCertificate) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  start(): void {
    this.#plan();
    this.#wait();
  }

  /**
   * The manager asks for it, or the host was found to need it. An attempt that is under way counts.
   * @returns whether there is a new certificate; if not, {@link CertificateRenewerOptions.onFailure} has heard why, and attempts go on
   */
  renewNow(): Promise<boolean> {
    if (this.#isStopped) return Promise.resolve(false);
    this.#outcome ??= outcome();
    const { promise } = this.#outcome;
    if (!this.#attempt) {
      this.#dueMs = Math.max(this.#options.clock.now(), this.#notBeforeMs);
      this.#wait();
    }
    return promise;
  }

  /** The cluster trusts other roots. Nothing happens when they are the ones of now. @throws CertificateFilesError when the certificate does not chain to them */
  async trust(rootPem: string): Promise<void> {
    const before = this.#roots;
    if (this.#isStopped || rootPem === before) return;
    this.#roots = rootPem;
    const saving = this.#options.store.saveRoots(rootPem);
    this.#saved = Promise.allSettled([this.#saved, saving]);
    try {
      await saving;
    } catch (error) {
      if (this.#roots === rootPem) this.#roots = before;
      throw error;
    }
    if (!this.#isStopped) this.#change({ ...this.#current, rootPem });
  }

  /** What is being stored is stored to its end. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#cancelWait();
    this.#attempt?.abort.abort(new Error("the renewal was stopped"));
    this.#settle(false);
    await this.#attempt?.done;
    await this.#saved;
  }

  #plan(): void {
    const { clock, random } = this.#options;
    const { notBeforeMs, notAfterMs } = certificateFacts(this.#current.certificatePem);
    const nowMs = clock.now();
    this.#dueMs = nowMs + nextRenewal({ notBeforeMs, notAfterMs, nowMs, random: random() });
  }

  #wait(): void {
    this.#cancelWait();
    if (this.#isStopped || this.#attempt) return;
    const { clock } = this.#options;
    const delayMs = this.#dueMs - clock.now();
    if (delayMs <= 0) this.#begin();
    else this.#cancelWait = clock.after(Math.min(delayMs, MAX_WAIT_MS), () => this.#wait());
  }

  #begin(): void {
    const abort = new AbortController();
    this.#attempt = { abort, done: this.#run(abort) };
  }

  async #run(abort: AbortController): Promise<void> {
    const { clock } = this.#options;
    const cancelLimit = clock.after(MAX_ATTEMPT_MS, () =>
      abort.abort(new Error(`no answer within ${MAX_ATTEMPT_MS / 1000} s`)),
    );
    let isRenewed = false;
    try {
      const before = this.#roots;
      const answered = await this.#renewed(abort.signal);
      // Roots that came meanwhile are newer than the answer's.
      const roots = this.#roots;
      const certificate = roots !== before && chains(answered, roots) ? { ...answered, rootPem: roots } : answered;
      await this.#options.store.save(certificate);
      if (this.#roots === roots) this.#roots = certificate.rootPem;
      this.#failures = 0;
      isRenewed = true;
      this.#current = certificate;
    } catch (error) {
      if (!this.#isStopped) this.#failed(error);
    } finally {
      cancelLimit();
    }
    this.#attempt = undefined;
    if (isRenewed) {
      this.#plan();
      this.#dueMs = Math.max(this.#dueMs, clock.now() + MIN_GAP_MS);
    }
    this.#settle(isRenewed);
    this.#wait();
    if (isRenewed && !this.#isStopped) this.#change(this.#current);
  }

  async #renewed(signal: AbortSignal): Promise<NodeCertificate> {
    const { organization, organizationalUnit, commonName } = certificateFacts(this.#current.certificatePem).subject;
    const expected = {
      clusterId: organization,
      nodeId: commonName,
      role: roleOfOrganizationalUnit(organizationalUnit),
    };
    const { csrPem, keyPem } = makeCsr();
    const answer = await unlessAborted(this.#options.request(csrPem, signal), signal);
    const nowMs = this.#options.clock.now();
    return acceptCertificate({ keyPem, answer, expected, nowMs });
  }

  #failed(error: unknown): void {
    const { clock, random, onFailure } = this.#options;
    this.#failures++;
    const delayMs = retryDelay(this.#failures, random());
    const nowMs = clock.now();
    this.#dueMs = nowMs + delayMs;
    this.#notBeforeMs = nowMs + MIN_RETRY_MS;
    onFailure?.(error, delayMs);
  }

  #change(certificate: NodeCertificate): void {
    this.#current = certificate;
    for (const listener of this.#listeners) listener(certificate);
  }

  #settle(isRenewed: boolean): void {
    this.#outcome?.resolve(isRenewed);
    this.#outcome = undefined;
  }
}

interface Outcome {
  readonly promise: Promise<boolean>;
  readonly resolve: (isRenewed: boolean) => void;
}

function outcome(): Outcome {
  let resolve: (isRenewed: boolean) => void = () => undefined;
  const promise = new Promise<boolean>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}

function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
    promise.then(resolve, reject);
  });
}

function chains({ certificatePem }: NodeCertificate, rootPem: string): boolean {
  try {
    checkChain({ certificatePem, rootPem });
    return true;
  } catch {
    return false;
  }
}
