import { Config, Secret } from "../../api/generated-json/docker/swarmkit/v1/objects.js";
import { inspectEach } from "../inspect.js";
import type { Action } from "../invocation.js";
import { findPayload } from "../objects.js";
import { renderSections } from "../render/sections.js";
import { timestampText } from "../render/time-ago.js";
import { labelLines } from "../render/words.js";
import { type Payload, type PayloadKind, payloadName } from "./kind.js";

/** `tsctl secret inspect SECRET…`, `tsctl config inspect CONFIG…` */
export function inspectPayloads(kind: PayloadKind): Action {
  return async (invocation) => {
    const connection = await invocation.connect();
    return inspectEach<Payload>(invocation, {
      find: (argument) => findPayload(connection, kind.name, argument),
      toJson: (payload) =>
        kind.name === "secret" ? Secret.toJSON(payload as Secret) : Config.toJSON(payload as Config),
      describe: async (payload) => describe(kind, payload),
    });
  };
}

function describe({ name }: PayloadKind, payload: Payload): string {
  const { id, meta, spec } = payload;
  const data = Buffer.from(spec?.data ?? []);
  return renderSections([
    ["ID", id],
    ["Name", payloadName(payload)],
    ["Created", timestampText(meta?.createdAt)],
    ["Updated", timestampText(meta?.updatedAt)],
    ["Labels", labelLines(spec?.annotations?.labels)],
    ...(name === "config"
      ? ([
          ["Size", `${data.length} bytes`],
          ["Data", lines(data)],
        ] as const)
      : []),
  ]);
}

function lines(data: Buffer): string[] {
  return data.toString().replace(/\n$/, "").split("\n");
}
