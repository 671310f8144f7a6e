import type { Command } from "commander";
import { addGlobalFlagsBelow, commandMaker, type Perform, rootCommand } from "./command-maker.js";
import { addClusterCommands } from "./commands/cluster.js";
import { addCompletionCommands } from "./commands/completion.js";
import { addDebugCommands } from "./commands/debug.js";
import { addDoctorCommand } from "./commands/doctor.js";
import { addNetCommands } from "./commands/net.js";
import { addNetworkCommands } from "./commands/network.js";
import { addNodeCommands } from "./commands/node.js";
import { addConfigCommands, addSecretCommands } from "./commands/payload.js";
import { addServiceCommands } from "./commands/service.js";
import { addSwarmCommands } from "./commands/swarm.js";
import { addTaskCommands } from "./commands/task.js";
import { addVersionCommand } from "./commands/version.js";

/** Every command and flag of tsctl. What commands do is loaded when they run. */
export function buildProgram(perform: Perform): Command {
  const maker = commandMaker(perform);
  const program = rootCommand(maker);
  program.commandsGroup("Swarm:");
  addSwarmCommands(program, maker);
  program.commandsGroup("Cluster:");
  addNodeCommands(program, maker);
  addServiceCommands(program, maker);
  addTaskCommands(program, maker);
  addNetworkCommands(program, maker);
  addSecretCommands(program, maker);
  addConfigCommands(program, maker);
  addClusterCommands(program, maker);
  program.commandsGroup("Kernel:");
  addNetCommands(program, maker);
  addDoctorCommand(program, maker);
  program.commandsGroup("Managers:");
  addDebugCommands(program, maker);
  program.commandsGroup("Other:");
  addVersionCommand(program, maker);
  addCompletionCommands(program, maker);
  program.helpCommand("help [command]", "show help for a command");
  addGlobalFlagsBelow(program);
  return program;
}
