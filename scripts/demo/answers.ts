/** What the request program printed, and how answers spread over replicas. */
export interface RequestResult {
  /** Milliseconds since 1970. */
  readonly started: number;
  readonly ended: number;
  /** "TASK_NAME CLIENT_ADDRESS" */
  readonly answer?: string;
  readonly error?: string;
}

export function readAnswers(text: string): readonly RequestResult[] {
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as RequestResult);
}

/** One line per replica, with a bar. */
export function spreadTable(title: string, results: readonly RequestResult[]): string {
  const counts = new Map<string, number>();
  for (const { answer, error } of results) {
    const key = answer ?? `failed: ${error}`;
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  const rows = [...counts].sort(([a], [b]) => a.localeCompare(b));
  const width = Math.max(...rows.map(([key]) => key.length));
  const lines = rows.map(
    ([key, count]) => `    ${key.padEnd(width)}  ${String(count).padStart(3)}  ${"█".repeat(count)}`,
  );
  return [`  ${title}`, ...lines].join("\n");
}
