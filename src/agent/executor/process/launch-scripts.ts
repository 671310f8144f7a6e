/**
 * The shell programs that start a task and stay with it. Pure: facts in, text out.
 *
 *     unshare (mount, UTS, IPC, PID), in the network namespace already → setup → setpriv → init → the task's command
 *
 * `setup` is process 1 of the task's PID namespace with all the agent's rights: it joins the cgroups, mounts, and gives
 * its rights away. `init` is the same process afterwards: it starts the command, waits, and writes the exit status. It
 * collects orphans, and its own end takes every process of the namespace along. `run` sets environment and folder and becomes the
 * command. Where there is a health check, a child of `init` runs it whenever the agent asks, as the same user as the command.
 *
 * Descriptors: 2 what goes wrong during set-up, 3 the lifeline (see lifeline.ts), 4 a cgroup joined late, 5 the task's stderr, 6 a
 * counter of the task's cgroup, 7 secrets and configs during set-up, 8 the cgroup of health checks; in the prober 4 its answers and 7 its orders (see process-health.ts).
 */
import type { Account } from "./accounts.js";
import { PROBE_ANSWERS, PROBE_ORDERS } from "./probe-answer.js";
import { quote } from "./shell-words.js";

export interface LaunchFacts {
  /** "web.1.k2j…" */
  readonly name: string;
  readonly hostname: string;
  /** Lines that make the cgroups, where the agent does not. */
  readonly makeCgroups: readonly string[];
  readonly joinFirst: readonly string[];
  readonly joinLast: readonly string[];
  /** Where the kernel counts out-of-memory kills, when that goes with the task's end. */
  readonly outOfMemoryCounter?: string;
  /** Mounts of the host that the task must not hold on to. */
  readonly unmount: readonly string[];
  readonly account: Account;
  /** See rights.ts. */
  readonly boundingSet: string;
  readonly limitOptions: readonly string[];
  /** Lines that bring secrets and configs, see payload-files.ts. */
  readonly payloads: readonly string[];
  readonly env: ReadonlyMap<string, string>;
  readonly dir: string;
  readonly command: readonly string[];
  /** The task's health check. */
  readonly probe?: {
    readonly command: readonly string[];
    /** The file by which a check joins its cgroup. */
    readonly join: string;
  };
}

/** Names that the shell keeps for itself or cannot hold: they go through env(1). */
const SHELL_OWN = new Set(["OPTIND", "LINENO", "PPID", "PWD", "OLDPWD", "IFS", "ENV"]);

export function setupScript(facts: LaunchFacts): string {
  const setpriv = [
    "setpriv --pdeathsig clear --inh-caps=-all --ambient-caps=-all",
    `--bounding-set=${facts.boundingSet}`,
    groupsOption(facts.account),
  ].join(" ");
  const limits = facts.limitOptions.length > 0 ? `prlimit ${facts.limitOptions.join(" ")} ` : "";
  return [
    "set -e",
    "umask 077",
    "read -r pid _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ start _ </proc/self/stat",
    ...facts.makeCgroups,
    ...facts.joinFirst.map((file) => `echo 0 >${quote(file)}`),
    ...facts.joinLast.map((file) => `exec 4>${quote(file)}`),
    ...(facts.outOfMemoryCounter ? [`exec 6<${quote(facts.outOfMemoryCounter)}`] : []),
    ...(facts.probe ? [`exec 8>${quote(facts.probe.join)}`] : []),
    'echo "$pid $start" >pid',
    "read -r adjustment </proc/self/oom_score_adj",
    'if [ "$adjustment" -lt 0 ]; then echo 0 >/proc/self/oom_score_adj; fi',
    `echo ${quote(facts.hostname)} >/proc/sys/kernel/hostname`,
    ...(facts.unmount.length > 0 ? [`umount -l ${facts.unmount.map(quote).join(" ")} || :`] : []),
    "mount -a -T fstab",
    ...facts.payloads,
    // The path is relative because a mount may hide the folder by now; the task's name is for whoever looks at ps(1).
    `exec ${limits}${setpriv} -- /bin/sh ./init ${quote(facts.name)}`,
    "",
  ].join("\n");
}

export function initScript(facts: LaunchFacts): string {
  return [
    ...(facts.joinLast.length > 0 ? ["echo 0 >&4 || exit"] : []),
    "exec 4>&-",
    ...(facts.probe ? [...proberLines(facts), "exec 8>&-"] : []),
    "(",
    "  read -r self _ </proc/self/stat",
    '  echo "$self" >started',
    "  echo run >&3",
    "  exec 2>&5 3>&- 5>&- 6<&-",
    `  ${become("run", facts.account)}`,
    ")",
    "status=$?",
    // Words of the shell's own: there may be no memory, and no place among the processes, for another program.
    ...(facts.outOfMemoryCounter
      ? ['while read -r name count; do if [ "$name" = oom_kill ]; then echo "$count" >oom-kills; fi; done <&6']
      : []),
    'echo "$status" >exit',
    "",
  ].join("\n");
}

/** A line that turns a shell of init's into one of the task's user, which reads on in a script. */
function become(script: "run" | "probe", account: Account): string {
  const { uid, gid } = account;
  if (uid === 0 && gid === 0) return `. ./${script}`;
  return `exec setpriv --reuid ${uid} --regid ${gid} ${groupsOption(account)} -- /bin/sh -s <./${script}`;
}

/**
 * Waits for orders, which are words that no check knows, and encloses in them what a check writes. Words of the shell's own as far as
 * may be: a check that forks often costs the machine.
 */
function proberLines({ account }: LaunchFacts): readonly string[] {
  return [
    "(",
    `  exec 3>&- 5>&- 6<&- 7<>${PROBE_ORDERS} 4<>${PROBE_ANSWERS}`,
    "  while read -r token <&7; do",
    `    printf '\\000%s(\\n' "$token" >&4`,
    "    (",
    "      exec >&4 2>&1 4>&- 7<&-",
    "      echo 0 >&8 || exit",
    "      exec 8>&-",
    `      ${become("probe", account)}`,
    "    )",
    `    printf '\\000%s)%s\\n' "$token" "$?" >&4`,
    "  done",
    ") &",
  ];
}

/** The health check as {@link runScript} has the command. */
export function probeScript(facts: LaunchFacts): string {
  return runScript({ ...facts, command: facts.probe?.command ?? [] });
}

/** Sets up the command's environment and becomes it. Read by the shell from a file, so that no value shows in an argument list. */
export function runScript(facts: LaunchFacts): string {
  const plain: string[] = [];
  const carriers = new Map<string, string>();
  for (const [name, value] of facts.env) {
    if (/^[A-Za-z_][A-Za-z0-9_]*$/.test(name) && !SHELL_OWN.has(name)) {
      plain.push(`export ${name}=${quote(value)}`);
    } else {
      carriers.set(`TSWARM_CARRIER_${carriers.size}`, name);
      plain.push(`export TSWARM_CARRIER_${carriers.size - 1}=${quote(value)}`);
    }
  }
  return [
    "umask 022",
    `cd -- ${quote(facts.dir)} || exit 126`,
    "unset PWD OLDPWD",
    ...plain,
    `exec ${throughEnv(carriers)}${facts.command.map(quote).join(" ")} </dev/null`,
    "",
  ].join("\n");
}

/**
 * Has env(1) set variables from others that carry their values: only names stand in its arguments, never values.
 * @param carriers carrying variable → variable to set
 */
function throughEnv(carriers: ReadonlyMap<string, string>): string {
  if (carriers.size === 0) return "";
  const words = [...carriers].map(([carrier, name]) => `"${name}=\${${carrier}}"`);
  const options = [...carriers.keys()].map((carrier) => `-u ${carrier}`);
  return `/usr/bin/env ${options.join(" ")} -S ${quote(words.join(" "))} `;
}

function groupsOption({ groupIds }: Account): string {
  return groupIds.length > 0 ? `--groups ${groupIds.join(",")}` : "--clear-groups";
}
