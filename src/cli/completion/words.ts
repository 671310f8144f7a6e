/** Flags and arguments that take one of some words. */
const WORDS: Readonly<Record<string, readonly string[]>> = {
  "--format": ["table", "json"],
  "--availability": ["active", "pause", "drain"],
  "--role": ["manager", "worker"],
  "--autolock": ["true", "false"],
  "--runtime": ["process", "container"],
  "--mode": ["replicated", "global", "replicated-job", "global-job"],
  "--placement-strategy": ["spread", "binpack"],
  "--endpoint-mode": ["vip", "dnsrr"],
  "--restart-condition": ["none", "on-failure", "any"],
  "--update-order": ["start-first", "stop-first"],
  "--rollback-order": ["start-first", "stop-first"],
  "--update-failure-action": ["pause", "continue", "rollback"],
  "--rollback-failure-action": ["pause", "continue"],
  role: ["worker", "manager"],
  kind: ["node", "service", "network", "task", "secret", "config"],
};

/** @param name of a flag, `--format`, or of an argument, `role` */
export function wordsOf(name: string): readonly string[] | undefined {
  return WORDS[name];
}
