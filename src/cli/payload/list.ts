import { FlagReader } from "../flag-reader.js";
import type { Action } from "../invocation.js";
import { byName } from "../objects.js";
import { printList, shortId } from "../render/list.js";
import { timeAgo, timestampText } from "../render/time-ago.js";
import { readPayloadFilters } from "./filter.js";
import { type PayloadKind, payloadName } from "./kind.js";

/** `tsctl secret ls`, `tsctl config ls` */
export function listPayloads(kind: PayloadKind): Action {
  return async (invocation) => {
    const filters = readPayloadFilters(new FlagReader(invocation.flags).texts("--filter"));
    const connection = await invocation.connect();
    const rows = [...(await kind.list(connection, filters))].sort((a, b) => byName(payloadName(a), payloadName(b)));
    const nowMs = invocation.terminal.now();
    printList(invocation, {
      rows,
      id: ({ id }) => id,
      columns: [
        { title: "ID", value: ({ id }) => shortId(invocation, id) },
        { title: "NAME", value: payloadName },
        { title: "CREATED", value: ({ meta }) => timeAgo(meta?.createdAt, nowMs) },
        { title: "UPDATED", value: ({ meta }) => timeAgo(meta?.updatedAt, nowMs) },
      ],
      json: ({ id, meta, spec }) => ({
        id,
        name: spec?.annotations?.name ?? "",
        created: timestampText(meta?.createdAt),
        updated: timestampText(meta?.updatedAt),
        labels: spec?.annotations?.labels ?? {},
      }),
    });
    return undefined;
  };
}
