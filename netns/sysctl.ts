/**
 * Settings below /proc/sys of a namespace. /proc/sys/net shows the namespace of the thread that looks, so these are
 * synchronous: the threads behind `fs.promises` are never in the namespace.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { inNamespace, type Namespace } from "./namespace.js";

/**
 * @param path below /proc/sys: "net/ipv4/ip_forward"
 * @throws the error of the write, ENOENT when this kernel has no such setting
 */
export function writeSysctl(namespace: Namespace | number, path: string, value: string | number): void {
  const file = sysctlFile(path);
  inNamespace(namespace, () => writeFileSync(file, String(value)));
}

/** Writes several in one visit, in their order. @throws as {@link writeSysctl}; those before the failed one are written */
export function writeSysctls(namespace: Namespace | number, values: Readonly<Record<string, string | number>>): void {
  const files = Object.entries(values).map(([path, value]) => [sysctlFile(path), String(value)] as const);
  inNamespace(namespace, () => {
    for (const [file, value] of files) writeFileSync(file, value);
  });
}

/** @returns the value without its line end; undefined when this kernel has no such setting */
export function readSysctl(namespace: Namespace | number, path: string): string | undefined {
  const file = sysctlFile(path);
  return inNamespace(namespace, () => readIfPresent(file));
}

/** Reads several in one visit. */
export function readSysctls(namespace: Namespace | number, paths: readonly string[]): (string | undefined)[] {
  const files = paths.map(sysctlFile);
  return inNamespace(namespace, () => files.map(readIfPresent));
}

/** @throws RangeError for a path that leads out of /proc/sys */
export function sysctlFile(path: string): string {
  if (
    path === "" ||
    path.startsWith("/") ||
    path.split("/").some((part) => part === "" || part === "." || part === "..")
  ) {
    throw new RangeError(`"${path}" is no path below /proc/sys`);
  }
  return `/proc/sys/${path}`;
}

function readIfPresent(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8").trimEnd();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}
