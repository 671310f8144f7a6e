/** Errors that travel: a gRPC code and one line for people. */
import { status } from "@grpc/grpc-js";

export class StatusError extends Error {
  override readonly name = "StatusError";
  constructor(
    readonly code: status,
    message: string,
  ) {
    super(message);
  }
}

export const invalidArgument = (message: string) => new StatusError(status.INVALID_ARGUMENT, message);
export const notFound = (message: string) => new StatusError(status.NOT_FOUND, message);
export const permissionDenied = (message: string) => new StatusError(status.PERMISSION_DENIED, message);
export const unauthenticated = (message: string) => new StatusError(status.UNAUTHENTICATED, message);
export const failedPrecondition = (message: string) => new StatusError(status.FAILED_PRECONDITION, message);
export const unavailable = (message: string) => new StatusError(status.UNAVAILABLE, message);
export const aborted = (message: string) => new StatusError(status.ABORTED, message);
export const unimplemented = (message: string) => new StatusError(status.UNIMPLEMENTED, message);
export const resourceExhausted = (message: string) => new StatusError(status.RESOURCE_EXHAUSTED, message);
export const internal = (message: string) => new StatusError(status.INTERNAL, message);
