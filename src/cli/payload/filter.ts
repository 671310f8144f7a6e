/** `--filter KEY=VALUE` of lists of secrets and configs, as docker's: values of one key are alternatives. */
import { UsageError } from "../failure.js";
import type { PayloadFilters } from "../objects.js";
import { splitPair } from "../values/pair.js";

/** @returns what the cluster is asked for; undefined for all @throws UsageError */
export function readPayloadFilters(texts: readonly string[]): Partial<PayloadFilters> | undefined {
  if (texts.length === 0) return undefined;
  const idPrefixes: string[] = [];
  const namePrefixes: string[] = [];
  const labels: Record<string, string> = {};
  for (const text of texts) {
    const [key, value] = splitPair(text);
    if (value === undefined || value === "" || !["id", "name", "label"].includes(key)) {
      throw new UsageError(`--filter: "${text}" is not id=, name= or label= with a value`);
    }
    if (key === "id") idPrefixes.push(value);
    else if (key === "name") namePrefixes.push(value);
    else {
      const [label, wanted = ""] = splitPair(value);
      labels[label] = wanted;
    }
  }
  return { idPrefixes, namePrefixes, labels };
}
