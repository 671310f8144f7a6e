/** The compliance suite of the load-balancer interface, for any driver. */
import type { kernelTest as KernelTest } from "../../kernel/kernel-test.js";
import { CASTS } from "./cast.js";
import type { Declare, DriverUnderTest } from "./driver.js";
import { familyTests } from "./families.js";
import { publishedTests } from "./published.js";
import { stateTests } from "./state.js";
import { trafficTests } from "./traffic.js";

/** @param kernelTest imported by the test file itself, by which the test bed knows that it runs on every kernel */
export function complianceSuite(kernelTest: typeof KernelTest, driver: DriverUnderTest): void {
  // One after the other: each has its own namespaces, but the machine's two cores are shared.
  for (const cast of Object.values(CASTS)) {
    const declare: Declare = (title, run) =>
      kernelTest.serial(`${driver.name}: ${cast.title}${title}`, { needs: driver.needs[cast.family] }, run);
    trafficTests(declare, driver, cast);
    if (cast.family === "ip") publishedTests(declare, driver);
    stateTests(declare, driver, cast);
  }
  familyTests((title, run) => {
    kernelTest.serial(`${driver.name}: both families: ${title}`, { needs: driver.needs.ip6 }, run);
  }, driver);
}
