/** The overlay networks of a node: links, addresses, routes, neighbours and FDB entries as wanted, and kept so. */
export { apply } from "./apply.js";
export type { ApplyReport, StepFailure } from "./apply-report.js";
export { drift, type OverlayDrift, remainingDrift } from "./drift.js";
export { describeProblem, InvalidWantedError, type WantedProblem } from "./errors.js";
export { expectedNode } from "./expected-state.js";
export { HOST } from "./kernel-objects.js";
export { macFromAddress } from "./mac-address.js";
export { type MtuOptions, overlayMtu, type UnderlayPath } from "./mtu.js";
export { gatewayPortName, networkNamespace, portName, sandboxNamespace } from "./names.js";
export { observe } from "./observe.js";
export { type PlanPart, plan } from "./plan.js";
export { type ReconcileRequest, type ReconcileResult, reconcile } from "./reconcile.js";
export { removeAll } from "./remove-all.js";
export type { Scope } from "./scope.js";
export { describeStep, type Step } from "./steps.js";
export { bridgedFramesAreFiltered, underlayPath } from "./underlay.js";
export { checkWanted, wantedProblems } from "./validation.js";
export type * from "./wanted.js";
