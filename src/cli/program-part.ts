import type { Command } from "commander";
import { addGlobalFlagsBelow, type CommandMaker, commandMaker, type Perform, rootCommand } from "./command-maker.js";

type Add = (program: Command, maker: CommandMaker) => void;

/** The groups that are typed most, by their names; whoever types one has no use for the others. */
const PARTS: Readonly<Record<string, () => Promise<Add>>> = {
  node: async () => (await import("./commands/node.js")).addNodeCommands,
  service: async () => (await import("./commands/service.js")).addServiceCommands,
  svc: async () => (await import("./commands/service.js")).addServiceCommands,
  task: async () => (await import("./commands/task.js")).addTaskCommands,
  network: async () => (await import("./commands/network.js")).addNetworkCommands,
  secret: async () => (await import("./commands/payload.js")).addSecretCommands,
  config: async () => (await import("./commands/payload.js")).addConfigCommands,
  net: async () => (await import("./commands/net.js")).addNetCommands,
  debug: async () => (await import("./commands/debug.js")).addDebugCommands,
};

/**
 * tsctl with one group of commands alone: half of the time in which tsctl starts goes into declaring what nobody typed.
 * @param word what stands first on the command line
 * @returns undefined when it is none of these groups
 */
export async function buildPart(perform: Perform, word: string | undefined): Promise<Command | undefined> {
  const load = word !== undefined && Object.hasOwn(PARTS, word) ? PARTS[word] : undefined;
  if (!load) return undefined;
  const maker = commandMaker(perform);
  const program = rootCommand(maker);
  (await load())(program, maker);
  addGlobalFlagsBelow(program);
  return program;
}
