/** Service load balancing: choose a driver once, make an instance for each namespace. */
export {
  chooseLoadBalancer,
  type LoadBalancerChoice,
  type LoadBalancerName,
  type RefusedDriver,
} from "./choose.js";
export { closePending } from "./deferred-close.js";
export { LoadBalancerWriteError, WantedServiceError, type WantedServiceProblems } from "./errors.js";
export {
  type ApplyResult,
  type Destination,
  type DestinationDrift,
  type LoadBalancer,
  MARK_MAX,
  MARK_MIN,
  type VirtualService,
} from "./load-balancer.js";
