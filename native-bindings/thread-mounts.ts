/** The mount namespace of the calling thread. */
import { CLONE_FS, CLONE_NEWNS, setns, unshare } from "./libc.js";

/**
 * Has the calling thread see, make and remove mounts in another namespace for the rest of its life. The process's other threads stay
 * where they are: the thread first gets a root and a working folder of its own, without which the kernel refuses.
 * @param fd of a file like /proc/PID/ns/mnt
 * @throws SystemCallError
 */
export function moveToMountNamespace(fd: number): void {
  unshare(CLONE_FS);
  setns(fd, CLONE_NEWNS);
}
