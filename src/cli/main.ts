#!/usr/bin/env node
import { type Command, CommanderError } from "commander";
import type { Perform } from "./command-maker.js";
import { CommandError, ExitCode } from "./failure.js";
import type { Action } from "./invocation.js";
import { LocalConnections } from "./local-connections.js";
import { buildPart } from "./program-part.js";
import { visible } from "./render/table.js";
import { readSettings } from "./settings.js";
import { processTerminal, type Terminal } from "./terminal.js";

/** Runs one command line. @returns the exit status; never throws */
async function run(args: readonly string[], terminal: Terminal): Promise<number> {
  let exitCode: number = ExitCode.success;
  const act: Perform = async (command, action) => {
    exitCode = await perform(command, action, terminal);
  };
  const program = (await buildPart(act, args[0])) ?? (await import("./program.js")).buildProgram(act);
  let complaint = "";
  configure(program, terminal, (text) => {
    complaint = text;
  });
  try {
    if (args.length === 0) program.outputHelp();
    else await program.parseAsync(args, { from: "user" });
    return exitCode;
  } catch (error) {
    const isOfService = args.includes("service") || args.includes("svc");
    terminal.writeError((isOfService ? await dockersWay(error) : undefined) ?? complaint);
    return report(error, terminal);
  }
}

/** Why tsctl has not got a flag that docker has; undefined for any other error. */
async function dockersWay(error: unknown): Promise<string | undefined> {
  if (!(error instanceof CommanderError) || error.code !== "commander.unknownOption") return undefined;
  const option = /unknown option '([^']+)'/.exec(error.message)?.[1] ?? "";
  const reason = (await import("./service/refused-flags.js")).whyRefused(option);
  return reason && `tsctl: ${option.split("=", 1)[0]}: ${reason}\n`;
}

async function perform(command: Command, action: Action, terminal: Terminal): Promise<number> {
  const settings = readSettings(command, terminal.env);
  const connections = new LocalConnections(settings);
  try {
    const result = await action({
      terminal,
      settings,
      args: command.args,
      flags: command.opts(),
      connect: () => connections.manager(),
      connectNode: () => connections.node(),
    });
    return result ?? ExitCode.success;
  } finally {
    connections.close();
  }
}

/** Sends commander's texts to the terminal, and makes its errors exceptions of one line. */
function configure(command: Command, terminal: Terminal, complain: (text: string) => void): void {
  command.exitOverride().configureOutput({
    writeOut: (text) => terminal.write(text),
    writeErr: (text) => terminal.writeError(text),
    outputError: (text) => {
      const line = text
        .trim()
        .replace(/^error: /, "")
        .replace(/\s*\n\s*/g, " ");
      complain(`tsctl: ${line}; see ${commandPath(command)} --help\n`);
    },
  });
  for (const child of command.commands) configure(child, terminal, complain);
}

function commandPath(command: Command): string {
  return command.parent ? `${commandPath(command.parent)} ${command.name()}` : command.name();
}

function report(error: unknown, terminal: Terminal): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? ExitCode.success : ExitCode.usage;
  if (error instanceof CommandError) {
    terminal.writeError(`tsctl: ${visible(error.message)}\n`);
    return error.exitCode;
  }
  // Not foreseen: a defect of tsctl, so the stack is what helps.
  terminal.writeError(`tsctl: ${error instanceof Error ? error.stack : String(error)}\n`);
  return ExitCode.failure;
}

for (const stream of [process.stdout, process.stderr]) {
  stream.on("error", (error: NodeJS.ErrnoException) => {
    // The reader went away (`tsctl node ls | head -1`): there is nobody left to write for.
    if (error.code === "EPIPE") process.exit(ExitCode.success);
    throw error;
  });
}

const exitCode = await run(process.argv.slice(2), processTerminal());
await Promise.all([process.stdout, process.stderr].map((stream) => new Promise((done) => stream.write("", done))));
// A connection that was being made may linger for many seconds.
process.exit(exitCode);
