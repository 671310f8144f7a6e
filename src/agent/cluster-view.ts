/**
 * What a node knows of the cluster's networks: endpoints and services as rows. The wanted kernel state and the DNS answers
 * are pure functions of it.
 */
import type { Endpoint, RowUpdate, ServiceRow } from "../api/generated/tswarm/v1/link.js";

export type { Endpoint, ServiceRow };

export interface ClusterView {
  /** Revision of the newest row. */
  readonly revision: number;
  /** By endpoint id. */
  readonly endpoints: ReadonlyMap<string, Endpoint>;
  /** By `${serviceId}/${networkId}`. */
  readonly services: ReadonlyMap<string, ServiceRow>;
}

/**
 * Where endpoints come from and go to. The manager's relay is one implementation; gossip is another.
 * Own rows are published; everybody's rows, own ones included, are seen in {@link view}.
 */
export interface EndpointDirectory {
  /** The networks of which rows are wanted. */
  subscribe(networkIds: ReadonlySet<string>): void;
  /**
   * Publishes or replaces an own row.
   * @returns once every node that takes part in the row's network has applied it, or `deadlineMs` has passed
   */
  publish(endpoint: Endpoint, deadlineMs: number): Promise<"applied" | "deadline">;
  /** Withdraws an own row. */
  withdraw(endpointId: string): void;
  view(): ClusterView;
  /** Calls `listener` with each change of the view, after it is in the view. @returns a function that ends it */
  onChange(listener: (update: RowUpdate) => void): () => void;
  /** Takes rows of an earlier run into the view, where the directory has no better source yet. */
  restore?(rows: RowUpdate): void;
  /** The rows that {@link restore} should get after a restart. */
  snapshot?(): RowUpdate;
  /** Says that every row up to this revision (of {@link ClusterView}) is in this node's kernel. */
  applied(revision: number): void;
}
