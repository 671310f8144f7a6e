/** What can be done to routes, as operations. */
import { RTM_DELROUTE, RTM_NEWROUTE } from "./constants.js";
import { CREATE_FLAGS, type CreateMode, type RouteOperation } from "./operation.js";
import { type Route, writeRoute } from "./route.js";

export function addRoute(route: Route, mode: CreateMode = "add"): RouteOperation {
  return {
    describe: () => `${mode} route ${describeRoute(route)}`,
    write(writer) {
      writer.begin(RTM_NEWROUTE, CREATE_FLAGS[mode]);
      writeRoute(writer, route);
      writer.end();
    },
  };
}

/** Takes the place of the route with the same destination, table and priority. */
export function replaceRoute(route: Route): RouteOperation {
  return addRoute(route, "replace");
}

/**
 * Removes the first route that agrees in what is given (type, scope and protocol included): ESRCH when none does.
 * Fields left out other than those mean "any".
 */
export function deleteRoute(route: Route): RouteOperation {
  return {
    describe: () => `delete route ${describeRoute(route)}`,
    write(writer) {
      writer.begin(RTM_DELROUTE, 0);
      writeRoute(writer, route);
      writer.end();
    },
  };
}

/** As ip(8) would say it, with link indexes for names. */
export function describeRoute(route: Route): string {
  const words = [route.type && route.type !== "unicast" ? `${route.type} ${route.destination}` : route.destination];
  if (route.gateway !== undefined) words.push(`via ${route.gateway}`);
  if (route.linkIndex !== undefined) words.push(`dev ${route.linkIndex}`);
  if (route.table !== undefined) words.push(`table ${route.table}`);
  if (route.preferredSource !== undefined) words.push(`src ${route.preferredSource}`);
  if (route.priority) words.push(`metric ${route.priority}`);
  return words.join(" ");
}
