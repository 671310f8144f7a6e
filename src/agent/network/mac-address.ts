/** @returns the MAC address of an overlay endpoint, 02:42 and the four bytes of its IPv4 address: "10.0.1.4" → "02:42:0a:00:01:04" */
export function macOfAddress(address: string): string {
  const bytes = address.split(".").map((part) => Number(part).toString(16).padStart(2, "0"));
  return `02:42:${bytes.join(":")}`;
}
