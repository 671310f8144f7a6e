/** tswarmd.8, from what the daemon prints for --help: its command line is read by a library of its own kind, and known to nobody else. */
import { execFileSync } from "node:child_process";
import { bold, definition, escaped, page } from "./roff.js";

interface HelpText {
  readonly description: string;
  readonly options: readonly (readonly [flags: string, meaning: string])[];
}

const OWN = /(?:-h, --help|--version) /;

/** @param programFile the compiled daemon */
export function tswarmdPage(programFile: string, version: string): string {
  const help = (...args: string[]) =>
    readHelp(execFileSync(process.execPath, [programFile, ...args, "--help"], { encoding: "utf8" }));
  const run = help();
  const leave = help("leave");
  const flags = ({ options }: HelpText) => options.map(([term, meaning]) => definition(term, meaning)).join("");
  return page({ name: "tswarmd", section: 8, version }, [
    ["NAME", escaped("tswarmd - the daemon of a tswarm node")],
    ["SYNOPSIS", `${bold("tswarmd")} [\\fIflags\\fR]\n.br\n${bold("tswarmd leave")} [\\fIflags\\fR]`],
    ["DESCRIPTION", escaped(run.description)],
    ["FLAGS", flags(run)],
    ["TSWARMD LEAVE", `${escaped(leave.description)}\n${flags(leave)}`],
    [
      "FILES",
      definition(
        "/var/lib/swarmd",
        "what must outlive the daemon: certificates, tasks, on a manager the log of the cluster",
      ) +
        definition("/run/tswarm/tswarmd.sock", "for tsctl init, join, leave and info; root alone may open it") +
        definition("/run/tswarm/manager/swarmd.sock", "the manager's control socket"),
    ],
    ["SEE ALSO", `${bold("tsctl")}(1)`],
  ]);
}

/** @throws Error when the text is not laid out as it was when this was written */
export function readHelp(text: string): HelpText {
  const [usage = "", ...rest] = text.split(/\n\n+/);
  const options = rest.find((part) => part.startsWith("Options:"));
  if (!usage.startsWith("Usage:") || options === undefined) throw new Error(`help of another kind: ${usage}`);
  const rows: [string, string][] = [];
  for (const line of options.split("\n").slice(1)) {
    const [, flags, meaning] = /^ {2}(-\S.*?) {2,}(\S.*)$/.exec(line) ?? [];
    if (flags !== undefined && meaning !== undefined) rows.push([flags, meaning]);
    else if (rows.length > 0) rows.at(-1)![1] += ` ${line.trim()}`;
  }
  const description = rest[0] === options ? "" : (rest[0] ?? "");
  const own = rows.filter(([flags]) => !OWN.test(`${flags} `));
  // The name of the host that made the page is of no use to others.
  return {
    description: description.replaceAll("\n", " "),
    options: own.map(([flags, meaning]) => [
      flags,
      flags.startsWith("--hostname") ? meaning.replace(/ \(default .*\)$/, " (default: the host's)") : meaning,
    ]),
  };
}
