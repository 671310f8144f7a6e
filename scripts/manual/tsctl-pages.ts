/** tsctl.1, and tsctl-GROUP.1 for each group of commands, from the command tree. */
import { buildProgram } from "../../src/cli/program.js";
import { bold, definition, escaped, literal, page } from "./roff.js";

type Command = ReturnType<typeof buildProgram>;
type Option = Command["options"][number];
type Argument = Command["registeredArguments"][number];

const EXIT_STATUS: readonly (readonly [string, string])[] = [
  ["0", "done"],
  ["1", "failed: the cluster refused, an object does not exist, tswarmd cannot be reached"],
  ["2", "wrong usage; nothing was changed"],
  ["3", "net inspect --exit-code found drift, or a node gave no full answer"],
  ["130", "Ctrl-C ended the waiting; what was asked of the cluster stays asked"],
];

const EXAMPLES = [
  "tsctl init --advertise-addr eth0",
  "tsctl join --token-file token 10.0.0.1:2377",
  "tsctl network create shop",
  "tsctl service create --name web --replicas 3 --network shop --publish 8080:80 -- node server.js",
  "tsctl service ps web",
];

/** File names with their text. */
export function tsctlPages(version: string): Map<string, string> {
  const program = buildProgram(async () => undefined);
  const groups = program.commands.filter(({ commands }) => commands.length > 0);
  const pages = new Map([["tsctl.1", mainPage(program, groups, version)]]);
  for (const group of groups) pages.set(`tsctl-${group.name()}.1`, groupPage(program, group, version));
  return pages;
}

function mainPage(program: Command, groups: readonly Command[], version: string): string {
  const commands = program.commands.filter(({ commands: below }) => below.length === 0);
  return page({ name: "tsctl", section: 1, version }, [
    ["NAME", escaped("tsctl - control a tswarm cluster")],
    ["SYNOPSIS", `${bold("tsctl")} [\\fIflags\\fR] \\fIcommand\\fR [\\fIargument\\fR ...]`],
    [
      "DESCRIPTION",
      escaped(
        `${program.description()} It talks to a manager through its control socket, and to the daemon of this node through the socket beside it.`,
      ),
    ],
    ["GLOBAL FLAGS", flagList(program.options)],
    ["COMMANDS", commands.map((command) => commandText("tsctl", command, program)).join("")],
    ["GROUPS OF COMMANDS", groups.map((group) => definition(`tsctl-${group.name()}(1)`, group.summary())).join("")],
    [
      "ENVIRONMENT",
      definition("TSWARM_HOST", "as --socket, which wins") +
        definition("SWARM_SOCKET", "the same, where TSWARM_HOST is not set") +
        definition("NO_COLOR", "no colours"),
    ],
    ["EXIT STATUS", EXIT_STATUS.map(([status, meaning]) => definition(status, meaning)).join("")],
    [
      "FILES",
      definition("/run/tswarm/manager/swarmd.sock", "the manager's control socket") +
        definition("/run/tswarm/tswarmd.sock", "the daemon's socket, for root"),
    ],
    ["EXAMPLES", literal(EXAMPLES)],
    [
      "SEE ALSO",
      [...groups.map((group) => bold(`tsctl-${group.name()}`).concat("(1)")), `${bold("tswarmd")}(8)`].join(", "),
    ],
  ]);
}

function groupPage(program: Command, group: Command, version: string): string {
  const name = `tsctl-${group.name()}`;
  const also = group.aliases().map((alias) => `tsctl ${alias}`);
  return page({ name, section: 1, version }, [
    ["NAME", escaped(`${name} - ${group.summary().charAt(0).toLowerCase()}${group.summary().slice(1)}`)],
    ["SYNOPSIS", `${bold(`tsctl ${group.name()}`)} \\fIcommand\\fR [\\fIargument\\fR ...]`],
    [
      "DESCRIPTION",
      escaped(also.length > 0 ? `${group.description()}. Also ${also.join(", ")}.` : `${group.description()}.`),
    ],
    ["COMMANDS", group.commands.map((command) => commandText(`tsctl ${group.name()}`, command, program)).join("")],
    ["SEE ALSO", `${bold("tsctl")}(1), for the flags that every command knows, and the exit status`],
  ]);
}

function commandText(path: string, command: Command, program: Command): string {
  const usage = [`${path} ${command.name()}`, ...command.registeredArguments.map(argumentText)].join(" ");
  const also = command.aliases();
  const text = `${sentence(command.description())}${also.length > 0 ? ` Also ${also.join(", ")}.` : ""}`;
  const known = new Set(program.options.map(({ flags }) => flags));
  const own = command.options.filter(({ flags }) => !known.has(flags));
  return `.SS ${escaped(usage)}\n${escaped(text)}\n${flagList(own)}`;
}

function flagList(options: readonly Option[]): string {
  return options.map(({ flags, description }) => definition(flags, description)).join("");
}

function argumentText(argument: Argument): string {
  const text = `${argument.name()}${argument.variadic ? "..." : ""}`;
  return argument.required ? `<${text}>` : `[${text}]`;
}

function sentence(text: string): string {
  return text.endsWith(".") ? text : `${text}.`;
}
