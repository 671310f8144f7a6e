/**
 * Applies the wanted states of a file in turn, for ever, in a host's namespace. Started by the crash test, which kills it.
 * Arguments: the host's namespace, the node's id, the file.
 */
import { readFileSync } from "node:fs";
import { inNamespace, openNamespace } from "../../netns/namespace.js";
import { reconcile } from "../../overlay/reconcile.js";
import type { NodeWanted } from "../../overlay/wanted.js";

const [namespaceName, nodeId, file] = process.argv.slice(2) as [string, string, string];
const states = JSON.parse(readFileSync(file, "utf8")) as readonly NodeWanted[];
const host = openNamespace(namespaceName);
process.stdout.write("ready\n");
for (;;) {
  for (const wanted of states) inNamespace(host, () => reconcile({ nodeId, wanted }));
}
