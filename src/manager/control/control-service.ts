/** The Control API: what tsctl, swarmctl and the like call. */
import type { UntypedServiceImplementation } from "@grpc/grpc-js";
import { ControlService } from "../../api/generated/docker/swarmkit/v1/control.js";
import { partialService } from "../../api/partial-service.js";
import { clusterMethods } from "./clusters.js";
import { configMethods } from "./configs.js";
import type { ControlContext } from "./context.js";
import { networkMethods } from "./networks.js";
import { nodeMethods } from "./nodes.js";
import { secretMethods } from "./secrets.js";
import { serviceMethods } from "./services.js";
import { taskMethods } from "./tasks.js";

export function controlService(context: ControlContext): UntypedServiceImplementation {
  const built = {
    ...nodeMethods(context),
    ...taskMethods(context),
    ...serviceMethods(context),
    ...networkMethods(context),
    ...clusterMethods(context),
    ...secretMethods(context),
    ...configMethods(context),
  };
  return partialService(ControlService, built, context.log);
}
