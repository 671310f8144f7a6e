/**
 * What a reader of logs is told besides the lines: which part is missing, and since when. A notice travels as a log message whose stream
 * is neither output nor error; clients that know of notices ask for that stream, others never see one.
 */
import { type LogContext, type LogMessage, LogStream } from "../generated/docker/swarmkit/v1/logbroker.js";
import { timestampOf } from "../time.js";

/** To be asked for by name among the streams. */
export const NOTICES = LogStream.LOG_STREAM_UNKNOWN;

/** @param context node and, where it is about one, task; ids may be empty @param text one line for people */
export function notice(context: LogContext, text: string, nowMs: number): LogMessage {
  return { context, timestamp: timestampOf(nowMs), stream: NOTICES, data: Buffer.from(text), attrs: [] };
}

export function isNotice({ stream }: LogMessage): boolean {
  return stream !== LogStream.LOG_STREAM_STDOUT && stream !== LogStream.LOG_STREAM_STDERR;
}

/** The streams without that of the notices; both when none is named. */
export function outputStreams(streams: readonly LogStream[]): readonly LogStream[] {
  const named = streams.filter((stream) => stream !== NOTICES);
  return named.length > 0 ? named : [LogStream.LOG_STREAM_STDOUT, LogStream.LOG_STREAM_STDERR];
}
