/** The compliance suite of the load-balancer interface, for any driver. */
import type { kernelTest as KernelTest } from "../../kernel/kernel-test.js";
import type { Declare, DriverUnderTest } from "./driver.js";
import { publishedTests } from "./published.js";
import { stateTests } from "./state.js";
import { trafficTests } from "./traffic.js";

/** @param kernelTest imported by the test file itself, by which the test bed knows that it runs on every kernel */
export function complianceSuite(kernelTest: typeof KernelTest, driver: DriverUnderTest): void {
  // One after the other: each has its own namespaces, but the machine's two cores are shared.
  const declare: Declare = (title, run) => kernelTest.serial(`${driver.name}: ${title}`, { needs: driver.needs }, run);
  trafficTests(declare, driver);
  publishedTests(declare, driver);
  stateTests(declare, driver);
}
