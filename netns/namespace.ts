/**
 * Named network namespaces: bind mounts in /run/netns, so that ip(8) sees them and they outlive the process.
 */
import { closeSync, openSync, readdirSync, rmSync, statfsSync } from "node:fs";
import { MNT_DETACH, MS_BIND, mount, UMOUNT_NOFOLLOW, umount2 } from "../native-bindings/libc.js";
import { RouteSocket } from "../native-bindings/route/index.js";
import { setLink } from "../native-bindings/route/link-operations.js";
import { SystemCallError } from "../native-bindings/system-call-error.js";
import { inNetworkNamespace, inNewNetworkNamespace } from "../native-bindings/thread-namespace.js";
import { shareNamespaceFolder } from "./mount-point.js";

export const NAMESPACE_FOLDER = "/run/netns";
/** NSFS_MAGIC of include/uapi/linux/magic.h: what statfs says of a mounted namespace. */
const NSFS_MAGIC = 0x6e736673;
const ENOENT = 2;
const EEXIST = 17;

/** What was tried on which namespace, and why it failed. */
export class NamespaceError extends Error {
  override readonly name = "NamespaceError";

  constructor(
    readonly operation: string,
    readonly namespace: string,
    /** Symbolic errno, such as `EEXIST`. */
    readonly code: string,
    options: ErrorOptions,
  ) {
    super(`${operation} network namespace ${namespace}: ${(options.cause as Error).message}`, options);
  }
}

/** An open network namespace. It lasts at least as long as the handle is open. */
export class Namespace implements Disposable {
  #open = true;

  constructor(
    readonly name: string,
    /** Stays open until {@link close}. */
    readonly fd: number,
  ) {}

  get path(): string {
    return namespacePath(this.name);
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    closeSync(this.fd);
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

export function namespacePath(name: string): string {
  if (!/^[A-Za-z0-9][A-Za-z0-9_.-]*$/.test(name)) throw new RangeError(`"${name}" cannot name a network namespace`);
  return `${NAMESPACE_FOLDER}/${name}`;
}

/**
 * Makes a namespace with `lo` up. What an earlier, interrupted making left under the name is made whole.
 * @throws NamespaceError EEXIST when there is one; when it fails nothing stays behind
 */
export function createNamespace(name: string): Namespace {
  const path = namespacePath(name);
  return attempt("create", name, () => {
    shareNamespaceFolder(NAMESPACE_FOLDER);
    if (isMounted(path)) throw new SystemCallError("mount", path, EEXIST);
    closeSync(openSync(path, "a", 0o444));
    try {
      inNewNetworkNamespace(() => {
        using socket = RouteSocket.open();
        socket.execute(setLink({ name: "lo" }, { up: true }));
        mount("/proc/thread-self/ns/net", path, null, MS_BIND);
      });
      return new Namespace(name, openSync(path, "r"));
    } catch (error) {
      removeNamespace(name);
      throw error;
    }
  });
}

/** @throws NamespaceError ENOENT when there is none by that name */
export function openNamespace(name: string): Namespace {
  const path = namespacePath(name);
  return attempt("open", name, () => {
    if (!isMounted(path)) throw new SystemCallError("open", path, ENOENT);
    return new Namespace(name, openSync(path, "r"));
  });
}

/** Opens the namespace, or makes it. @throws NamespaceError */
export function ensureNamespace(name: string): Namespace {
  return namespaceExists(name) ? openNamespace(name) : createNamespace(name);
}

/** @returns whether a namespace is mounted there: a plain file, left by an interrupted making, is none */
export function namespaceExists(name: string): boolean {
  return isMounted(namespacePath(name));
}

/** The names in /run/netns that begin with `prefix`, sorted; half-made ones included, since they want removing. */
export function listNamespaces(prefix = ""): string[] {
  try {
    return readdirSync(NAMESPACE_FOLDER)
      .filter((name) => name.startsWith(prefix))
      .sort();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}

/**
 * Removes the name. The namespace itself goes when the last process, socket and handle in it is gone.
 * @returns false when there was nothing by that name
 * @throws NamespaceError
 */
export function removeNamespace(name: string): boolean {
  const path = namespacePath(name);
  return attempt("remove", name, () => {
    let existed = false;
    // A name may have been mounted over more than once; each round takes one mount away.
    while (isMounted(path)) {
      umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW);
      existed = true;
    }
    try {
      rmSync(path);
      existed = true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    }
    return existed;
  });
}

/**
 * Runs synchronous `work` in the namespace.
 * @throws TypeError when `work` returns a promise
 */
export function inNamespace<T>(namespace: Namespace | number, work: () => T): T {
  return inNetworkNamespace(typeof namespace === "number" ? namespace : namespace.fd, work);
}

function isMounted(path: string): boolean {
  try {
    return statfsSync(path).type === NSFS_MAGIC;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
    throw error;
  }
}

function attempt<T>(operation: string, name: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw new NamespaceError(operation, name, (error as NodeJS.ErrnoException).code ?? "", { cause: error });
  }
}
