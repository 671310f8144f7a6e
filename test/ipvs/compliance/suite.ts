/** The compliance suite of the load-balancer interface, for any driver. */
import type { ExecutionContext, TestFn } from "ava";
import { kernelTest } from "../../kernel/kernel-test.js";
import type { DriverUnderTest } from "./driver.js";
import { publishedTests } from "./published.js";
import { stateTests } from "./state.js";
import { trafficTests } from "./traffic.js";

export function complianceSuite(driver: DriverUnderTest): void {
  // One after the other: each has its own namespaces, but the machine's two cores are shared.
  const serial = ((title: string, run: (t: ExecutionContext) => unknown) =>
    kernelTest.serial(title, { needs: driver.needs }, run)) as TestFn;
  trafficTests(serial, driver);
  publishedTests(serial, driver);
  stateTests(serial, driver);
}
