/** Flags of `docker service create` and `update` that tsctl has not got, with what to do without them. */

const OUTPUT = "a node keeps the newest output of each of its tasks itself, there are no log drivers";
const SYSCTL = "kernel settings of tasks cannot be chosen";
const LABEL = "there are no labels of containers: use --label, which is the service's";

const REASONS: Readonly<Record<string, string>> = {
  "--args": "give the new command after --",
  "--container-label": LABEL,
  "--container-label-add": LABEL,
  "--container-label-rm": LABEL,
  "--credential-spec": "it is for Windows alone",
  "--entrypoint": "give the command after the flags, or after the image",
  "--init": "a task always has a process of ours above it that collects orphans",
  "--isolation": "it is for Windows alone",
  "--log-driver": OUTPUT,
  "--log-opt": OUTPUT,
  "--no-resolve-image": "images are never looked up, they go to the nodes as they are written",
  "--oom-score-adj": "all tasks count alike when memory runs out: use --limit-memory and --reserve-memory",
  "--read-only":
    "a process runs on the host's files: let it be a --user who may not write, or mount parts of them readonly",
  "--sysctl": SYSCTL,
  "--sysctl-add": SYSCTL,
  "--sysctl-rm": SYSCTL,
  "--tty": "tasks have no terminal",
  "--with-registry-auth": "credentials of registries are not passed on: log in on the nodes",
  "-t": "tasks have no terminal",
};

/** @param option as it was typed, also with =VALUE @returns why tsctl does not know it; undefined for what docker does not know either */
export function whyRefused(option: string): string | undefined {
  const flag = option.split("=", 1)[0]!;
  return Object.hasOwn(REASONS, flag) ? REASONS[flag] : undefined;
}

/** For the test that compares with docker's own list. */
export const REFUSED_FLAGS: readonly string[] = Object.keys(REASONS);
