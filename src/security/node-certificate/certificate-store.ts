/**
 * A node's certificate on the disk, in three files that people and other programs know:
 *
 *     swarm-root-ca.crt   the trusted roots
 *     swarm-node.crt      the certificate, then what lies between it and a root
 *     swarm-node.key      its key, PKCS #8, sealed where the cluster locks its managers
 *
 * They change together. What is to be is written to one file first (swarm-node.next), and that it is there is the change: from
 * then on the three follow from it, and whoever loads them after a crash carries that to its end.
 */
import { join } from "node:path";
import { CertificateError } from "../pki/certificate-error.js";
import { certificateFacts } from "../pki/certificate-facts.js";
import { checkChain, readRoots } from "../pki/chain.js";
import { keyFits, readPrivateKey } from "../pki/private-key.js";
import { CertificateFilesError, type CertificateFilesFault } from "./certificate-files-error.js";
import { type CertificateFolder, certificateFolderAt } from "./certificate-folder.js";
import { decodeNextSet, encodeNextSet } from "./next-set.js";
import type { NodeCertificate } from "./node-certificate.js";
import { isSealedKey, sealKey, unsealKey } from "./sealed-key.js";

export const ROOT_FILE = "swarm-root-ca.crt";
export const CERTIFICATE_FILE = "swarm-node.crt";
export const KEY_FILE = "swarm-node.key";
const NEXT_FILE = "swarm-node.next";
/** What a crash in the midst of writing leaves; it may hold a key that is not sealed. */
const LEFTOVERS = [ROOT_FILE, CERTIFICATE_FILE, KEY_FILE, NEXT_FILE].map((name) => `${name}.new`);

/** What is on the disk; its key may be sealed. */
export interface StoredCertificate {
  readonly certificatePem: string;
  readonly keyPem: string;
  readonly rootPem: string;
}

export class CertificateStore {
  readonly #folder: CertificateFolder;
  #kek: Uint8Array | undefined;
  #changes: Promise<unknown> = Promise.resolve();

  constructor(folder: CertificateFolder) {
    this.#folder = folder;
  }

  /** @param folder its path; made when something is stored */
  static at(folder: string): CertificateStore {
    return new CertificateStore(certificateFolderAt(folder));
  }

  /**
   * What is public of it, for those who are not its owner: needs no unlock key, changes nothing on the disk.
   * @returns undefined when there is none
   */
  async look(): Promise<(Omit<NodeCertificate, "keyPem"> & { readonly isSealed: boolean }) | undefined> {
    const stored = await this.#read();
    if (!stored) return undefined;
    const { certificatePem, rootPem, keyPem } = stored;
    return { certificatePem, rootPem, isSealed: isSealedKey(keyPem) };
  }

  /**
   * One that has expired is loaded like any other. With a KEK for a key that is not sealed, it stays so until {@link reseal}.
   * @returns undefined when there is none
   * @throws LogLockedError when the KEK is needed, or wrong; CertificateFilesError when something is missing, damaged, or does
   *   not fit
   */
  load(kek?: Uint8Array): Promise<NodeCertificate | undefined> {
    return this.#inTurn(async () => {
      await this.#finish();
      const stored = await this.#read();
      if (!stored) return undefined;
      const isSealed = isSealedKey(stored.keyPem);
      const keyPem = isSealed ? unsealKey(stored.keyPem, kek, this.#pathOf(KEY_FILE)) : stored.keyPem;
      const certificate = { ...stored, keyPem };
      this.#check(certificate);
      this.#kek = isSealed ? kek : undefined;
      return certificate;
    });
  }

  /**
   * In place of what there is; sealed if that was. Durable once resolved.
   * @param beforeWriting called once nobody has read it here yet, and what was stored before is done
   * @throws CertificateFilesError for one whose parts do not fit
   */
  save(certificate: NodeCertificate, beforeWriting: () => void = () => {}): Promise<void> {
    return this.#inTurn(async () => {
      this.#check(certificate);
      await this.#finish();
      beforeWriting();
      const keyPem = this.#kek ? sealKey(certificate.keyPem, this.#kek) : certificate.keyPem;
      await this.#folder.replace(NEXT_FILE, encodeNextSet({ ...certificate, keyPem }));
      await this.#finish();
    });
  }

  /** Other trusted roots for the same certificate. @throws CertificateFilesError when it does not chain to them */
  saveRoots(rootPem: string): Promise<void> {
    return this.#inTurn(async () => {
      await this.#finish();
      const stored = await this.#read();
      if (!stored) throw this.#missing("certificate-missing", CERTIFICATE_FILE);
      this.#checkPublic({ ...stored, rootPem });
      await this.#folder.replace(ROOT_FILE, rootPem);
    });
  }

  /**
   * Seals the key, and those that follow, with another KEK, or with none. Where there is no key so far, those that follow alone.
   * What there is must have been loaded. Durable once resolved.
   */
  reseal(kek: Uint8Array | undefined): Promise<void> {
    return this.#inTurn(async () => {
      await this.#finish();
      const stored = await this.#folder.read(KEY_FILE);
      if (stored !== undefined) {
        const open = isSealedKey(stored) ? unsealKey(stored, this.#kek, this.#pathOf(KEY_FILE)) : stored;
        await this.#folder.replace(KEY_FILE, kek ? sealKey(open, kek) : open);
      }
      this.#kek = kek;
    });
  }

  /** For a node that left. */
  remove(): Promise<void> {
    return this.#inTurn(async () => {
      if ((await this.#next()) === undefined && (await this.#read()) === undefined) return;
      await this.#folder.replace(NEXT_FILE, encodeNextSet("none"));
      await this.#finish();
    });
  }

  /** Carries a change that was made to its end, and clears what others left on their way to one. */
  async #finish(): Promise<void> {
    const next = await this.#next();
    if (next === "none") {
      for (const name of [KEY_FILE, CERTIFICATE_FILE, ROOT_FILE]) await this.#folder.remove(name);
    } else if (next) {
      await this.#folder.replace(ROOT_FILE, next.rootPem);
      await this.#folder.replace(CERTIFICATE_FILE, next.certificatePem);
      await this.#folder.replace(KEY_FILE, next.keyPem);
    }
    // Only now: until here a crash begins it again.
    if (next) await this.#folder.remove(NEXT_FILE);
    for (const name of LEFTOVERS) await this.#folder.remove(name);
  }

  async #read(): Promise<StoredCertificate | undefined> {
    const next = await this.#next();
    if (next) return next === "none" ? undefined : next;
    const rootPem = await this.#folder.read(ROOT_FILE);
    const certificatePem = await this.#folder.read(CERTIFICATE_FILE);
    const keyPem = await this.#folder.read(KEY_FILE);
    if (certificatePem === undefined && keyPem === undefined) return undefined;
    if (keyPem === undefined) throw this.#missing("key-missing", KEY_FILE);
    if (certificatePem === undefined) throw this.#missing("certificate-missing", CERTIFICATE_FILE);
    if (rootPem === undefined) throw this.#missing("root-missing", ROOT_FILE);
    return { certificatePem, keyPem, rootPem };
  }

  async #next(): Promise<StoredCertificate | "none" | undefined> {
    const text = await this.#folder.read(NEXT_FILE);
    return text === undefined ? undefined : decodeNextSet(text, this.#pathOf(NEXT_FILE));
  }

  #check(certificate: NodeCertificate): void {
    const { publicKeyDer } = this.#checkPublic(certificate);
    const key = this.#reading(KEY_FILE, () => readPrivateKey(certificate.keyPem));
    if (!keyFits(key, publicKeyDer)) {
      throw new CertificateFilesError(
        "key-mismatch",
        `${this.#pathOf(KEY_FILE)} is not the key of the certificate in ${this.#pathOf(CERTIFICATE_FILE)}`,
      );
    }
  }

  #checkPublic({ certificatePem, rootPem }: Omit<NodeCertificate, "keyPem">): { readonly publicKeyDer: Buffer } {
    const facts = this.#reading(CERTIFICATE_FILE, () => certificateFacts(certificatePem));
    this.#reading(ROOT_FILE, () => readRoots(rootPem));
    this.#reading(CERTIFICATE_FILE, () => checkChain({ certificatePem, rootPem }), "untrusted");
    return facts;
  }

  #reading<T>(name: string, read: () => T, fault: CertificateFilesFault = "damaged"): T {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof CertificateError)) throw error;
      throw new CertificateFilesError(fault, `${this.#pathOf(name)}: ${error.message}`);
    }
  }

  #missing(fault: CertificateFilesFault, name: string): CertificateFilesError {
    const others = [KEY_FILE, CERTIFICATE_FILE, ROOT_FILE].filter((one) => one !== name).join(" and ");
    return new CertificateFilesError(fault, `${this.#pathOf(name)} is missing: it belongs to ${others} there`);
  }

  #pathOf(name: string): string {
    return join(this.#folder.path, name);
  }

  #inTurn<T>(change: () => Promise<T>): Promise<T> {
    const done = this.#changes.then(change, change);
    this.#changes = done.catch(() => undefined);
    return done;
  }
}
