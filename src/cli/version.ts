import { readFileSync } from "node:fs";
import type { Connection } from "./connection.js";
import { CommandError } from "./failure.js";
import type { Action } from "./invocation.js";
import { listNodes, nodeName } from "./objects.js";
import { printJson } from "./render/list.js";
import { renderSections, type Section } from "./render/sections.js";
import { visible } from "./render/table.js";

/** `tsctl version`: succeeds also when no server answers, and says why. */
export const version: Action = async (invocation) => {
  const client = { version: clientVersion(), node: process.version };
  const connection = await invocation.connect();
  const server = await serverVersion(connection);
  if (invocation.settings.format === "json") {
    printJson(invocation, { client, server });
    return undefined;
  }
  const serverSections: Section[] =
    "error" in server
      ? [["Socket", server.socket]]
      : [
          ["Socket", server.socket],
          ["Version", server.version],
          ["Manager", server.manager],
        ];
  const sections: Section[] = [
    [
      "Client",
      [
        ["Version", client.version],
        ["Node.js", client.node],
      ],
    ],
    ["Server", serverSections],
  ];
  invocation.terminal.write(renderSections(sections));
  if ("error" in server) invocation.terminal.writeError(`tsctl: ${visible(server.error)}\n`);
  return undefined;
};

type ServerVersion =
  | { readonly socket: string; readonly version: string; readonly manager: string }
  | { readonly socket: string; readonly error: string };

/** The API has no call for a version: it is what the leading manager says of itself as a node. */
async function serverVersion(connection: Connection): Promise<ServerVersion> {
  const socket = connection.address;
  try {
    const nodes = await listNodes(connection);
    const leader = nodes.find((node) => node.managerStatus?.leader) ?? nodes.find((node) => node.managerStatus);
    return {
      socket,
      version: leader?.description?.engine?.engineVersion || "unknown",
      manager: leader ? nodeName(leader) || leader.id : "unknown",
    };
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    return { socket, error: error.message };
  }
}

/** The version of this package. */
export function clientVersion(): string {
  const text = readFileSync(new URL("../../../package.json", import.meta.url), "utf8");
  return String((JSON.parse(text) as { version: unknown }).version);
}
