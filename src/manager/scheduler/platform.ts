/** Platforms have several names: what an engine calls x86_64 is amd64 to a registry. */
import type { Platform } from "../../api/generated/docker/swarmkit/v1/types.js";

const ARCHITECTURES = new Map([
  ["x86_64", "amd64"],
  ["aarch64", "arm64"],
]);

export function architectureName(name: string): string {
  const lower = name.toLowerCase();
  return ARCHITECTURES.get(lower) ?? lower;
}

export function osName(name: string): string {
  return name.toLowerCase();
}

/** What is wanted and empty is any. */
export function fitsPlatform(wanted: Platform, actual: Platform | undefined): boolean {
  return (
    (wanted.os === "" || osName(wanted.os) === osName(actual?.os ?? "")) &&
    (wanted.architecture === "" ||
      architectureName(wanted.architecture) === architectureName(actual?.architecture ?? ""))
  );
}
