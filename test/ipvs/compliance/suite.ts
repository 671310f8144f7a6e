/** The compliance suite of the load-balancer interface, for any driver. */
import test, { type TestFn } from "ava";
import type { DriverUnderTest } from "./driver.js";
import { publishedTests } from "./published.js";
import { stateTests } from "./state.js";
import { trafficTests } from "./traffic.js";

export function complianceSuite(driver: DriverUnderTest): void {
  if (driver.unavailable) {
    test.skip(`${driver.name}: not on this kernel: ${driver.unavailable}`, () => undefined);
    return;
  }
  // One after the other: each has its own namespaces, but the machine's two cores are shared.
  const serial = test.serial as TestFn;
  trafficTests(serial, driver);
  publishedTests(serial, driver);
  stateTests(serial, driver);
}
