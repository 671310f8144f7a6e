/** Results of tests in the Test Anything Protocol, version 13, as AVA writes it. */

export interface TapResult {
  readonly title: string;
  readonly outcome: "passed" | "failed" | "skipped";
  /** What AVA says of a failure; empty otherwise. */
  readonly diagnostics: string;
}

export interface TapReport {
  readonly results: readonly TapResult[];
  /** How many results AVA meant to give; undefined when it did not come to its end. */
  readonly planned: number | undefined;
}

/** Behind a title `# SKIP` and the like: the test did not count. */
const RESULT = /^(ok|not ok) \d+ - (.*?)( # [A-Z]{4}.*)?$/;

/** Total: a line that is no result, plan or diagnostics is passed over. */
export function parseTap(text: string): TapReport {
  const results: TapResult[] = [];
  let planned: number | undefined;
  let diagnostics: string[] | undefined;
  for (const line of text.split("\n")) {
    if (diagnostics) {
      if (line.trim() === "...") {
        const last = results.pop();
        if (last) results.push({ ...last, diagnostics: diagnostics.join("\n") });
        diagnostics = undefined;
      } else {
        diagnostics.push(line);
      }
      continue;
    }
    const match = RESULT.exec(line);
    if (match) {
      const outcome = match[3] ? "skipped" : match[1] === "ok" ? "passed" : "failed";
      results.push({ title: match[2]!, outcome, diagnostics: "" });
    } else if (line.trim() === "---" && results.length > 0) {
      diagnostics = [];
    } else {
      const plan = /^1\.\.(\d+)/.exec(line);
      if (plan) planned = Number(plan[1]);
    }
  }
  return { results, planned };
}
