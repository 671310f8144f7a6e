import type { Command } from "commander";
import { type CommandMaker, repeated } from "../command-maker.js";
import { addListFlags } from "./flags.js";

const kind = async (name: "secret" | "config") => {
  const { SECRET, CONFIG } = await import("../payload/kind.js");
  return name === "secret" ? SECRET : CONFIG;
};

export function addSecretCommands(program: Command, maker: CommandMaker): void {
  addPayloadCommands(program, maker, "secret").addHelpText(
    "after",
    `
Tasks find a secret at /run/secrets/NAME. Its data is never shown again.

Example:
  tsctl secret create db-password - <password.txt
  tsctl service create --name db --secret db-password -- db-server`,
  );
}

export function addConfigCommands(program: Command, maker: CommandMaker): void {
  addPayloadCommands(program, maker, "config").addHelpText(
    "after",
    `
Tasks of processes find a config at /run/configs/NAME, those of containers at /NAME.

Example:
  tsctl config create site site.conf
  tsctl service create --name web --config source=site,target=/etc/nginx/nginx.conf -- nginx`,
  );
}

function addPayloadCommands(program: Command, maker: CommandMaker, name: "secret" | "config"): Command {
  const group = maker.group(name, `Create, list, inspect and remove ${name}s`);
  program.addCommand(group);
  maker
    .leaf(group, "create <name> <file>", `Create a ${name} from a file, - for standard input`, async () =>
      (await import("../payload/create.js")).createPayload(await kind(name)),
    )
    .option("-l, --label <key=value>", "label (may be repeated)", repeated);
  addListFlags(
    maker.leaf(group, "ls", `List ${name}s`, async () =>
      (await import("../payload/list.js")).listPayloads(await kind(name)),
    ),
  )
    .alias("list")
    .option(
      "-f, --filter <key=value>",
      `only ${name}s with id=, name= or label= (may be repeated; values of id and name are alternatives)`,
      repeated,
    );
  maker.leaf(
    group,
    `inspect <${name}...>`,
    name === "secret" ? "Show what is known of secrets, other than their data" : "Show configs and their data",
    async () => (await import("../payload/inspect.js")).inspectPayloads(await kind(name)),
  );
  maker
    .leaf(group, `rm <${name}...>`, `Remove ${name}s that no service uses`, async () =>
      (await import("../payload/remove.js")).removePayloads(await kind(name)),
    )
    .alias("remove");
  return group;
}
