/** What a feature is needed for. Of those needed as load balancer, or as packet filter, one is enough. */
export type Need = "all nodes" | "load balancer" | "packet filter" | "process tasks" | "optional";

/** One thing that was looked for on this host. */
export interface Check {
  readonly name: string;
  readonly state: "yes" | "no" | "unknown";
  readonly need: Need;
  readonly describe: string;
  /** First mainline kernel that has it; empty when it is no feature of the kernel. */
  readonly minimumKernel: string;
  /** What was tried, and what stood in the way. */
  readonly reason: string;
}

/** What the checks come to. */
export interface Verdict {
  readonly usable: boolean;
  readonly text: string;
}

/** Whether this host can be a node of a cluster. */
export function judge(checks: readonly Check[]): Verdict {
  const namesWith = (need: Need, state: Check["state"]) =>
    checks.filter((check) => check.need === need && check.state === state).map(({ name }) => name);
  const missing = namesWith("all nodes", "no");
  if (missing.length > 0) {
    const reasons = checks.filter(({ name }) => missing.includes(name)).map(({ name, reason }) => `${name}: ${reason}`);
    return { usable: false, text: `this host cannot be a node: ${reasons.join("; ")}` };
  }
  const balancers = namesWith("load balancer", "yes");
  const filters = namesWith("packet filter", "yes").map((name) => name.replace(/^filter /, ""));
  if (filters.length === 0) return { usable: false, text: "this host cannot be a node: no packet filter works here" };
  if (balancers.length === 0) {
    return {
      usable: false,
      text: "this host cannot be a node: it has neither IPVS nor nf_tables to balance services with",
    };
  }
  const without = namesWith("process tasks", "no");
  const text = `this host can be a node: load balancer ${balancers.join(" or ")}, packet filter ${filters.join(" or ")}`;
  if (without.length === 0) return { usable: true, text };
  return {
    usable: true,
    text: `${text}; it cannot run tasks of the process runtime for want of ${without.join(", ")}`,
  };
}
