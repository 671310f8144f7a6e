import { ConfigSpec } from "../../api/generated/docker/swarmkit/v1/specs.js";
import { CommandError, UsageError } from "../failure.js";
import { FlagReader } from "../flag-reader.js";
import type { Action } from "../invocation.js";
import { printChanged } from "../render/changed.js";
import { readBytes } from "../values/bytes.js";
import { parseLabels } from "../values/pair.js";
import type { PayloadKind } from "./kind.js";

const MAX_NAME_LENGTH = 64;

/** `tsctl secret create NAME FILE`, `tsctl config create NAME FILE` */
export function createPayload(kind: PayloadKind): Action {
  return async (invocation) => {
    const [name = "", path = "", ...rest] = invocation.args;
    if (rest.length > 0) throw new UsageError(`${kind.name} create takes a name and a file, not ${rest.length} more`);
    checkName(name);
    const flags = new FlagReader(invocation.flags);
    const labels = parseLabels(flags.texts("--label"), "--label");
    const data = await readBytes(path, "FILE", kind.maxBytes - 1);
    if (data.length === 0) throw new UsageError(`FILE: ${path === "-" ? "standard input" : path} is empty`);
    const spec = ConfigSpec.fromPartial({ annotations: { name, labels }, data });
    const connection = await invocation.connect();
    const made = await kind.create(connection, spec);
    if (!made) throw new CommandError(`the manager accepted the ${kind.name} and did not say its id`);
    printChanged(invocation, [{ id: made.id, name }], "id");
    return undefined;
  };
}

/** The cluster's rule. @throws UsageError */
function checkName(name: string): void {
  if (name.length > MAX_NAME_LENGTH || !/^[a-zA-Z0-9]+(?:[a-zA-Z0-9\-_.]*[a-zA-Z0-9])?$/.test(name)) {
    throw new UsageError(
      `NAME: "${name}" is not a name: use up to ${MAX_NAME_LENGTH} letters, digits, -, _ and dots, with a letter or digit at both ends`,
    );
  }
}
