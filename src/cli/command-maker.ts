import { Command } from "commander";
import type { Action } from "./invocation.js";
import { addGlobalFlags } from "./settings.js";

/** Runs the action of the command that was typed. */
export type Perform = (command: Command, action: Action) => Promise<void>;

/** What commands are declared with: the parts that all of them share. */
export interface CommandMaker {
  /** A command that only holds others. */
  group(name: string, summary: string): Command;
  /**
   * A command that does something.
   * @param usage its name and arguments, `inspect <node...>`
   * @param load imports what it does, only when it is run: the start-up time of every other command depends on it
   */
  leaf(parent: Command, usage: string, summary: string, load: () => Promise<Action>): Command;
}

export function commandMaker(perform: Perform): CommandMaker {
  return {
    group: (name, summary) => new Command(name).summary(summary).description(summary).enablePositionalOptions(),
    leaf(parent, usage, summary, load) {
      const leaf = new Command().summary(summary).description(summary);
      const [name = "", ...args] = usage.split(" ");
      leaf.name(name);
      for (const argument of args) leaf.argument(argument);
      leaf.optionsGroup("Options:");
      leaf.action(async () => perform(leaf, await load()));
      parent.addCommand(leaf);
      return leaf;
    },
  };
}

/** tsctl itself, as yet without commands. */
export function rootCommand(maker: CommandMaker): Command {
  return maker.group("tsctl", "Controls a tswarm cluster: services, networks, tasks and nodes.").addHelpText(
    "after",
    `
Examples:
  tsctl init --advertise-addr eth0
  tsctl join --token-file token 10.0.0.1:2377
  tsctl node ls
  tsctl network create shop
  tsctl service create --name web --replicas 3 --network shop --publish 8080:80 -- node server.js
  tsctl service ps web
  tsctl net inspect shop

Run "tsctl COMMAND --help" for the flags of a command. Exit status: 0 done, 1 failed, 2 wrong usage (nothing was sent).`,
  );
}

/** Last, so that every command's help shows its own flags first. */
export function addGlobalFlagsBelow(command: Command): void {
  addGlobalFlags(command);
  for (const child of command.commands) addGlobalFlagsBelow(child);
}

/** Collects a flag that may be repeated. */
export function repeated(value: string, earlier: readonly string[] | undefined): readonly string[] {
  return [...(earlier ?? []), value];
}
