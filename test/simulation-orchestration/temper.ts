/** How wild a world is: chances per step. */
export interface Temper {
  /** That a task that runs fails. */
  readonly failure: number;
  /** That a node is cut off, loses its power, comes back, is drained, or is removed. */
  readonly node: number;
  /** That somebody creates, changes or removes a service. */
  readonly service: number;
  /** That another manager takes over. */
  readonly leader: number;
}

export const CALM: Temper = { failure: 0, node: 0, service: 0, leader: 0 };
