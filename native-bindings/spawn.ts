/**
 * Children by posix_spawn(3). It copies nothing of this process, where Node's own way forks the whole of it, and the child is in the
 * namespaces that the calling thread is in. The thread stands still until the program is loaded, a fraction of a millisecond.
 */
import koffi from "koffi";
import { SystemCallError } from "./system-call-error.js";

const libc = koffi.load("libc.so.6");

const c = {
  spawn: libc.func(
    "int posix_spawn(_Out_ int *pid, const char *path, const void *actions, const void *attributes, const char **args, const char **env)",
  ),
  initActions: libc.func("int posix_spawn_file_actions_init(void *actions)"),
  addOpen: libc.func(
    "int posix_spawn_file_actions_addopen(void *actions, int fd, const char *path, int flags, unsigned int mode)",
  ),
  addFolder: libc.func("int posix_spawn_file_actions_addchdir_np(void *actions, const char *path)"),
  destroyActions: libc.func("int posix_spawn_file_actions_destroy(void *actions)"),
  initAttributes: libc.func("int posix_spawnattr_init(void *attributes)"),
  setFlags: libc.func("int posix_spawnattr_setflags(void *attributes, short flags)"),
  setDefaultSignals: libc.func("int posix_spawnattr_setsigdefault(void *attributes, const void *signals)"),
  waitpid: libc.func("int waitpid(int pid, void *status, int options)"),
};

/** Larger than glibc's posix_spawn_file_actions_t and posix_spawnattr_t are on any machine. */
const STRUCTURE_BYTES = 1024;
const SIGNAL_SET_BYTES = 128;
const POSIX_SPAWN_SETSIGDEF = 0x04;
const POSIX_SPAWN_SETSIGMASK = 0x08;
const POSIX_SPAWN_SETSID = 0x80;
const WNOHANG = 1;

/** No signal blocked (the set is empty from the start), none ignored, a session of its own. */
const attributes = Buffer.alloc(STRUCTURE_BYTES);
c.initAttributes(attributes);
c.setFlags(attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSID);
c.setDefaultSignals(attributes, Buffer.alloc(SIGNAL_SET_BYTES, 0xff));

export interface ChildFile {
  readonly fd: number;
  readonly path: string;
  /** As of open(2). */
  readonly flags: number;
  readonly mode?: number;
}

export interface ChildOptions {
  /** Absolute path. */
  readonly program: string;
  readonly args: readonly string[];
  /** "NAME=value"; nothing else is inherited. */
  readonly env: readonly string[];
  readonly folder: string;
  /** All that the child has open. They are opened in this order, in its folder. */
  readonly files: readonly ChildFile[];
}

/**
 * Starts a program in a session of its own. Descriptors of this process that are not close-on-exec would be inherited.
 * @returns its process id; once it has ended {@link collectChild} lets go of it. @throws SystemCallError
 */
export function spawnChild({ program, args, env, folder, files }: ChildOptions): number {
  const actions = Buffer.alloc(STRUCTURE_BYTES);
  c.initActions(actions);
  try {
    check("posix_spawn_file_actions_addchdir_np", folder, c.addFolder(actions, folder) as number);
    for (const { fd, path, flags, mode = 0 } of files) {
      check("posix_spawn_file_actions_addopen", path, c.addOpen(actions, fd, path, flags, mode) as number);
    }
    const pid = [0];
    check("posix_spawn", program, c.spawn(pid, program, actions, attributes, [program, ...args, null], [...env, null]));
    return pid[0]!;
  } finally {
    c.destroyActions(actions);
  }
}

/** waitpid(2) without waiting. @returns whether the child has ended; from then on its number may be another's */
export function collectChild(pid: number): boolean {
  return (c.waitpid(pid, null, WNOHANG) as number) !== 0;
}

/** These functions return what others leave in errno. */
function check(call: string, what: string, errno: number): void {
  if (errno !== 0) throw new SystemCallError(call, what, errno);
}
