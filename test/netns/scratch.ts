import type { ExecutionContext } from "ava";
import { createNamespace, type Namespace, removeNamespace } from "../../netns/index.js";
import { testNamespace } from "../kernel/sandbox-name.js";

/** A named namespace that goes with the test, also when it fails. */
export function scratchNamespace(t: ExecutionContext, purpose: string): Namespace {
  const name = testNamespace(purpose);
  t.teardown(() => removeNamespace(name));
  const namespace = createNamespace(name);
  t.teardown(() => namespace.close());
  return namespace;
}
