/** What a user cares for, judged by when tasks began, were told to stop, and ended. Pure. */

export interface LifeEvent {
  readonly kind: "began" | "told" | "ended";
  readonly slot: string;
  readonly release: string;
  readonly taskId: string;
  readonly node: string;
  /** When the task began; in one unit, whatever it is. */
  readonly beganAt: number;
  /** When this happened. */
  readonly writtenAt: number;
}

/** Slots in which a task began while another had not ended, as one line each. @param events in the order in which they happened */
export function doubled(events: readonly LifeEvent[]): readonly string[] {
  const alive = new Map<string, string>();
  return events.flatMap(({ kind, slot, taskId }) => {
    const other = alive.get(slot);
    if (kind === "ended" && other === taskId) alive.delete(slot);
    if (kind !== "began") return [];
    alive.set(slot, taskId);
    return other === undefined ? [] : [`slot ${slot}: ${taskId} began while ${other} ran`];
  });
}

/** Tasks that were told to stop when nothing else of their slot ran, as one line each. */
export function emptied(events: readonly LifeEvent[]): readonly string[] {
  const told = events.filter(({ kind }) => kind === "told");
  const toldAt = new Map(told.map(({ taskId, writtenAt }) => [taskId, writtenAt]));
  return told.flatMap(({ slot, taskId, writtenAt }) => {
    // Not what has been written by then: a process that runs may not have got so far.
    const others = events.filter((one) => one.kind === "began" && one.slot === slot && one.taskId !== taskId);
    const isServed = others.some(
      (one) => one.beganAt <= writtenAt && (toldAt.get(one.taskId) ?? Number.POSITIVE_INFINITY) > writtenAt,
    );
    return isServed ? [] : [`slot ${slot}: ${taskId} was told to stop, and nothing else ran`];
  });
}

/** How many tasks ran at one moment at most. @param events in the order in which they happened */
export function mostAtOnce(events: readonly LifeEvent[]): number {
  const alive = new Set<string>();
  let most = 0;
  for (const { kind, taskId } of events) {
    if (kind === "began") alive.add(taskId);
    else if (kind === "ended") alive.delete(taskId);
    most = Math.max(most, alive.size);
  }
  return most;
}
