/**
 * A name server as a process of its own, so that it can stand in a namespace that plays the host. Started by {@link ./host.ts}, and told
 * what to do over IPC.
 */
import type { ClusterView } from "../../../src/agent/cluster-view.js";
import { type NamedSandbox, NameServer, type NameServerOptions } from "../../../src/agent/dns/name-server.js";
import { RowTable } from "../../../src/agent/network/row-table.js";
import { type RowUpdate, RowUpdate as RowUpdateType } from "../../../src/api/generated-json/tswarm/v1/link.js";

export type ToServer =
  | { readonly do: "add"; readonly sandbox: NamedSandbox }
  | { readonly do: "remove"; readonly taskId: string }
  | { readonly do: "rows"; readonly update: unknown }
  | { readonly do: "stats" };

export interface FromServer {
  readonly result?: unknown;
  readonly error?: string;
  readonly log: readonly string[];
}

const rows = new RowTable();
const listeners = new Set<(update: RowUpdate) => void>();
const log: string[] = [];
const server = new NameServer({
  directory: {
    view: (): ClusterView => rows,
    onChange: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  },
  ...(JSON.parse(process.argv[2]!) as Partial<NameServerOptions>),
  log: (line) => log.push(line),
});

async function obey(order: ToServer): Promise<unknown> {
  switch (order.do) {
    case "add":
      return await server.add(order.sandbox);
    case "remove":
      return await server.remove(order.taskId);
    case "stats":
      return server.stats();
    case "rows": {
      const update = RowUpdateType.fromJSON(order.update);
      rows.apply(update);
      for (const listener of listeners) listener(update);
      return undefined;
    }
  }
}

process.on("message", (order: ToServer) => {
  obey(order).then(
    (result) => process.send!({ result, log } satisfies FromServer),
    (error: Error) => process.send!({ error: error.message, log } satisfies FromServer),
  );
});
// The test is gone.
process.on("disconnect", () => process.exit());
