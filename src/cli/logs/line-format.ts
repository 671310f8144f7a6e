/** A line of a log as it is shown. Pure. */
import { type LogMessage, LogStream } from "../../api/generated/docker/swarmkit/v1/logbroker.js";
import type { Timestamp } from "../../api/generated/google/protobuf/timestamp.js";
import type { LogFlags } from "./log-flags.js";
import type { LineOrigin } from "./log-names.js";

const SHORT_ID = 12;
const COLOURS = [36, 33, 32, 35, 34, 96, 93, 92, 95, 94];

/** "web.1.k2j4h5g6k7l8@host1" */
export function originText(origin: LineOrigin, { withTaskIds, isTruncated }: LogFlags): string {
  const { service, slot, taskId, node } = origin;
  const id = isTruncated ? taskId.slice(0, SHORT_ID) : taskId;
  const place = isTruncated && slot.length > SHORT_ID ? slot.slice(0, SHORT_ID) : slot;
  const name = [service, place].filter(Boolean).join(".");
  return `${withTaskIds || name === "" ? [name, id].filter(Boolean).join(".") : name}@${node}`;
}

/** Before the line itself, as Docker has it: `TIME web.1.k2j4h5g6k7l8@host1    | key=value `. @param width of the widest origin */
export function linePrefix(
  message: LogMessage,
  origin: LineOrigin,
  flags: LogFlags,
  width: number,
  hasColour: boolean,
): string {
  const time = flags.timestamps ? `${timeText(message.timestamp)} ` : "";
  const details = flags.details ? `${detailsText(message, origin, flags.isRaw)} ` : "";
  if (flags.isRaw) return `${time}${details}`;
  const text = `${originText(origin, flags).padEnd(width)}    |`;
  return `${time}${hasColour ? coloured(text, origin.taskId) : text} ${details}`;
}

/** One line of `--format json`, without its line break. */
export function jsonLine(message: LogMessage, origin: LineOrigin): string {
  const text = message.data.toString();
  return JSON.stringify({
    time: timeText(message.timestamp),
    stream: message.stream === LogStream.LOG_STREAM_STDERR ? "stderr" : "stdout",
    serviceId: origin.serviceId,
    service: origin.service,
    taskId: origin.taskId,
    slot: origin.slot,
    nodeId: origin.nodeId,
    node: origin.node,
    line: text.replace(/\r?\n$/, ""),
    attributes: attributesOf(message, origin),
  });
}

/** RFC 3339 with nanoseconds, in UTC. */
export function timeText(time: Timestamp | undefined): string {
  const { seconds = 0, nanos = 0 } = time ?? {};
  return `${new Date(seconds * 1000).toISOString().slice(0, 19)}.${String(nanos).padStart(9, "0")}Z`;
}

/** What the node's log driver says of the line, and the service's labels. */
function attributesOf({ attrs }: LogMessage, { labels }: LineOrigin): Readonly<Record<string, string>> {
  return { ...labels, ...Object.fromEntries(attrs.map(({ key, value }) => [key, value])) };
}

function detailsText(message: LogMessage, origin: LineOrigin, isRaw: boolean): string {
  const all = {
    ...attributesOf(message, origin),
    ...(isRaw
      ? {
          "com.docker.swarm.node.id": origin.nodeId,
          "com.docker.swarm.service.id": origin.serviceId,
          "com.docker.swarm.task.id": origin.taskId,
        }
      : {}),
  };
  return Object.entries(all)
    .map(([key, value]) => `${encodeURIComponent(key)}=${encodeURIComponent(value)}`)
    .sort()
    .join(",");
}

function coloured(text: string, taskId: string): string {
  let sum = 0;
  for (const character of taskId) sum = (sum * 31 + character.charCodeAt(0)) >>> 0;
  return `\u001b[${COLOURS[sum % COLOURS.length]}m${text}\u001b[0m`;
}
