/** How every gRPC connection of the cluster is set up. */
import type { ChannelOptions } from "@grpc/grpc-js";

/** Objects may be large (a COMPLETE assignment of a full node); SwarmKit's own clients take messages of any size too. */
const MAX_MESSAGE_BYTES = 64 * 1024 * 1024;
const KEEPALIVE_PERIOD_MS = 10_000;
const KEEPALIVE_TIMEOUT_MS = 10_000;

export const SERVER_OPTIONS: ChannelOptions = {
  "grpc.max_receive_message_length": MAX_MESSAGE_BYTES,
  "grpc.max_send_message_length": MAX_MESSAGE_BYTES,
  "grpc.keepalive_time_ms": KEEPALIVE_PERIOD_MS,
  "grpc.keepalive_timeout_ms": KEEPALIVE_TIMEOUT_MS,
  "grpc.keepalive_permit_without_calls": 1,
};

/** For channels to a manager: a dead peer is noticed within keepalive time and timeout; retries are the caller's business. */
export const CHANNEL_OPTIONS: ChannelOptions = {
  // The name that managers' certificates carry, however the manager is reached.
  "grpc.ssl_target_name_override": "swarm-manager",
  "grpc.max_receive_message_length": MAX_MESSAGE_BYTES,
  "grpc.max_send_message_length": MAX_MESSAGE_BYTES,
  "grpc.keepalive_time_ms": KEEPALIVE_PERIOD_MS,
  "grpc.keepalive_timeout_ms": KEEPALIVE_TIMEOUT_MS,
  "grpc.keepalive_permit_without_calls": 1,
  "grpc.initial_reconnect_backoff_ms": 100,
  "grpc.max_reconnect_backoff_ms": 8000,
  "grpc.enable_http_proxy": 0,
  "grpc.enable_retries": 0,
};
