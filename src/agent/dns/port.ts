/** Where every sandbox asks for names. */
export const RESOLVER_ADDRESS = "127.0.0.11";

/**
 * The port at which the agent listens for it, UDP and TCP. A rule leads port 53 there, because a task may want port 53 for itself;
 * it lies outside the range of ephemeral ports and is the same after an agent's restart.
 */
export const DNS_PORT = 61053;
