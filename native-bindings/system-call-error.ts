import { getSystemErrorMap } from "node:util";

/** A system call that the kernel refused: which call, with what, and what it answered. */
export class SystemCallError extends Error {
  override readonly name = "SystemCallError";
  /** Symbolic errno, such as `EPERM`. */
  readonly code: string;

  constructor(
    readonly syscall: string,
    readonly args: string,
    /** Positive errno. */
    readonly errno: number,
  ) {
    const [code, text] = describeErrno(errno);
    super(`${syscall}(${args}): ${text} (${code})`);
    this.code = code;
  }
}

/** @returns the symbolic name and the text of a positive errno, `["EPERM", "operation not permitted"]`. */
export function describeErrno(errno: number): readonly [code: string, text: string] {
  return getSystemErrorMap().get(-errno) ?? EXTRA_ERRNO[errno] ?? [`errno ${errno}`, "unknown error"];
}

/** Errno values of include/uapi/asm-generic/errno.h that libuv does not name. */
const EXTRA_ERRNO: Readonly<Record<number, readonly [string, string]>> = {
  42: ["ENOMSG", "no message of desired type"],
  52: ["EBADE", "invalid exchange"],
  62: ["ETIME", "timer expired"],
  74: ["EBADMSG", "bad message"],
  85: ["ERESTART", "interrupted system call should be restarted"],
  93: ["EPROTONOSUPPORT", "protocol not supported"],
  524: ["ENOTSUPP", "operation is not supported"],
};
