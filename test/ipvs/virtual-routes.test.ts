import test from "ava";
import { planRoutes, wantedRoutes } from "../../ipvs/virtual-routes.js";
import { SOURCE, web } from "./services.js";

const tables = [
  { title: "from nothing", actual: {}, remove: [], write: ["10.99.0.1", "10.99.0.2"] },
  { title: "in place", actual: { "10.99.0.1": SOURCE, "10.99.0.2": SOURCE }, remove: [], write: [] },
  {
    title: "another source",
    actual: { "10.99.0.1": "10.0.0.1", "10.99.0.2": SOURCE },
    remove: [],
    write: ["10.99.0.1"],
  },
  {
    title: "one too many",
    actual: { "10.99.0.1": SOURCE, "10.99.0.2": SOURCE, "10.99.0.9": SOURCE },
    remove: ["10.99.0.9"],
    write: [],
  },
];
const wanted = wantedRoutes([web(301, {}), web(302, {}), web(303, {}, { virtual: undefined })]);

for (const { title, actual, remove, write } of tables) {
  test(title, (t) => {
    const plan = planRoutes(new Map(Object.entries(actual)), wanted);
    t.deepEqual(plan.remove, remove);
    t.deepEqual(
      plan.write,
      write.map((address) => ({ address, source: SOURCE })),
    );
  });
}
