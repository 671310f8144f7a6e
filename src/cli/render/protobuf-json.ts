import type { Any } from "../../api/generated/google/protobuf/any.js";

/** How the payload of a known type is written. */
export type PayloadTypes = Readonly<Record<string, (payload: Buffer) => unknown>>;

const DURATIONS = new Set([
  "delay",
  "window",
  "monitor",
  "stopGracePeriod",
  "interval",
  "timeout",
  "startPeriod",
  "startInterval",
  "heartbeatPeriod",
  "nodeCertExpiry",
  "tick",
  "syncP50",
  "syncP99",
  "took",
]);

/**
 * Brings the generated JSON to what protobuf's JSON mapping says: durations as texts, payloads of known types as objects
 * with `@type`. 64-bit numbers stay numbers: none of ours passes 2^53.
 */
export function canonicalJson(value: unknown, payloads: PayloadTypes): unknown {
  if (Array.isArray(value)) return value.map((item) => canonicalJson(item, payloads));
  if (typeof value !== "object" || value === null) return value;
  const result: Record<string, unknown> = {};
  for (const [key, item] of Object.entries(value)) {
    if (DURATIONS.has(key) && isObject(item)) {
      result[key] = formatSeconds(item);
    } else if (key === "payload" && isAny(item)) {
      const read = payloads[item.typeUrl];
      result[key] = read
        ? {
            "@type": item.typeUrl,
            ...(canonicalJson(read(Buffer.from(item.value ?? "", "base64")), payloads) as object),
          }
        : { "@type": item.typeUrl, value: item.value ?? "" };
    } else {
      result[key] = canonicalJson(item, payloads);
    }
  }
  return result;
}

/** Protobuf writes durations as seconds alone: `90s`, `0.5s`. */
function formatSeconds(duration: { readonly seconds?: number; readonly nanos?: number }): string {
  const { seconds = 0, nanos = 0 } = duration;
  if (nanos === 0) return `${seconds}s`;
  return `${seconds}.${String(nanos)
    .padStart(9, "0")
    .replace(/(?:000)+$/, "")}s`;
}

function isObject(value: unknown): value is Record<string, number> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isAny(value: unknown): value is Omit<Any, "value"> & { readonly value?: string } {
  return typeof value === "object" && value !== null && "typeUrl" in value;
}
