import { networkInterfaces } from "node:os";

/** The port of "HOST:PORT"; NaN without one. */
export function portOf(address: string): number {
  return Number(address.slice(address.lastIndexOf(":") + 1));
}

/** An address that others can reach: the one listened on, or for "all of them" the first of this host. */
export function advertisedAddress(remoteAddress: string | undefined, port: number): string {
  const host = remoteAddress?.slice(0, remoteAddress.lastIndexOf(":")) ?? "";
  if (host !== "" && host !== "0.0.0.0" && host !== "[::]") return `${host}:${port}`;
  const addresses = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  const own = addresses.find(({ family, internal }) => family === "IPv4" && !internal);
  return `${own?.address ?? "127.0.0.1"}:${port}`;
}
