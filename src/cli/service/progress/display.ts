import { TaskState } from "../../../api/generated/docker/swarmkit/v1/types.js";
import type { NameOf } from "../../names.js";
import { Redraw } from "../../render/redraw.js";
import { visible } from "../../render/table.js";
import { taskState } from "../../render/words.js";
import type { Terminal } from "../../terminal.js";
import type { Progress, SlotProgress } from "./view.js";

/** Shows how a service converges. */
export interface Display {
  show(progress: Progress): void;
  /** A last line. */
  end(line: string): void;
}

/** More slots than this are shown as a total only. */
const MAX_SLOT_LINES = 20;
/** A reason that lasts so long is told on a display that cannot redraw. */
const REASON_PATIENCE_MS = 1000;

/** A display that redraws its lines on a screen, or one that only adds lines for files and pipes. */
export function progressDisplay(terminal: Terminal, serviceName: string, nodeOf: NameOf): Display {
  return terminal.isScreen ? screenDisplay(terminal, serviceName, nodeOf) : logDisplay(terminal, serviceName, nodeOf);
}

/** A display that shows nothing. */
export const silentDisplay: Display = { show() {}, end() {} };

/**
 * The lines of a screen: the total, then one for each slot.
 * @param maxSlots with more slots than this, only those that have a reason get a line
 */
export function progressLines(
  progress: Progress,
  serviceName: string,
  nodeOf: NameOf,
  maxSlots = MAX_SLOT_LINES,
): string[] {
  const { slots } = progress;
  const shown = slots.length <= maxSlots ? slots : slots.filter(({ reason }) => reason !== "").slice(0, maxSlots);
  return [`overall: ${overall(progress)}`, ...shown.map((slot) => slotLine(slot, serviceName, nodeOf))];
}

function overall({ running, completed, wanted, stopping }: Progress): string {
  const total = wanted === undefined ? "no node takes a task so far" : totalText(running, completed, wanted);
  return stopping > 0 ? `${total}, ${stopping} stopping` : total;
}

function totalText(running: number, completed: number | undefined, wanted: number): string {
  if (completed === undefined) return `${running} of ${wanted} tasks running`;
  return `${completed} of ${wanted} tasks completed, ${running} running`;
}

function slotLine(slot: SlotProgress, serviceName: string, nodeOf: NameOf): string {
  const where = slot.slot > 0 && slot.nodeId !== "" ? ` on ${nodeOf(slot.nodeId)}` : "";
  const state = slot.state === undefined ? "waits for its turn" : taskState(slot.state) + where;
  return visible(`${slotName(slot, serviceName, nodeOf)}: ${state}${slot.reason === "" ? "" : ` (${slot.reason})`}`);
}

function slotName(slot: SlotProgress, serviceName: string, nodeOf: NameOf): string {
  return `${serviceName}.${slot.slot > 0 ? slot.slot : nodeOf(slot.nodeId) || "?"}`;
}

function screenDisplay(terminal: Terminal, serviceName: string, nodeOf: NameOf): Display {
  const screen = new Redraw(terminal);
  return {
    show: (progress) => {
      // What has left the top of the screen cannot be redrawn.
      const maxSlots = Math.min(MAX_SLOT_LINES, terminal.rows() - 2);
      screen.draw(progressLines(progress, serviceName, nodeOf, maxSlots));
    },
    end: (line) => terminal.writeError(`${line}\n`),
  };
}

function logDisplay(terminal: Terminal, serviceName: string, nodeOf: NameOf): Display {
  let total = "";
  /** By slot: a reason, since when it holds, and whether it was told. */
  const reasons = new Map<string, { readonly reason: string; readonly sinceMs: number; told: boolean }>();
  return {
    show(progress) {
      const now = overall(progress);
      if (now !== total) terminal.writeError(`${serviceName}: ${now}\n`);
      total = now;
      for (const slot of progress.slots) {
        if (slot.reason === "" || slot.state === TaskState.RUNNING) {
          reasons.delete(slot.key);
          continue;
        }
        const known = reasons.get(slot.key);
        if (known?.reason !== slot.reason) {
          reasons.set(slot.key, { reason: slot.reason, sinceMs: terminal.now(), told: false });
        } else if (!known.told && terminal.now() - known.sinceMs >= REASON_PATIENCE_MS) {
          known.told = true;
          terminal.writeError(`${slotLine(slot, serviceName, nodeOf)}\n`);
        }
      }
    },
    end: (line) => terminal.writeError(`${serviceName}: ${line}\n`),
  };
}
