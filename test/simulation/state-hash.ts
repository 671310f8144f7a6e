/** One number for what a store holds, kept up to date change by change. */
import type { Config } from "../../src/api/generated/docker/swarmkit/v1/objects.js";
import { versionOf } from "../../src/store/change.js";
import type { Store } from "../../src/store/store.js";
import { textOf } from "./clients.js";

export function hashOfObject(object: Config): number {
  const text = `${object.id}@${versionOf(object)}=${textOf(object)}`;
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  return hash ^ (hash >>> 13);
}

/** Objects in any order give the same. */
export function hashOfStore(store: Store): number {
  return store.view((read) => read.all("config").reduce((sum, object) => sum ^ hashOfObject(object), 0));
}
