import type * as rpc from "@pulumi/pulumi/proto/provider_pb.js";
import messages from "@pulumi/pulumi/proto/provider_pb.js";
import { compareInputs } from "./difference.ts";
import type { ProviderDefinition } from "./handlers.ts";
import { checkResponse, diffResponse } from "./responses.ts";
import { checkShape, type Shape } from "./shape.ts";
import { fromStruct } from "./structs.ts";
import { containsUnknown, type PropertyMap, revealMap, secret, unknown } from "./values.ts";

/** The methods for the provider's own configuration, which is strings. */
export function configurationMethods(definition: ProviderDefinition) {
  return {
    checkConfig: (request: rpc.CheckRequest) => {
      const given = fromStruct(request.getNews());
      const { failures } = checkShape(definition.config, given);
      return checkResponse(markSecrets(definition.config, given), failures);
    },
    diffConfig: (request: rpc.DiffRequest) => {
      const olds = fromStruct(request.getOldInputs() ?? request.getOlds());
      const news = fromStruct(request.getNews());
      return diffResponse(compareInputs(definition.config, olds, news), false);
    },
    configure: async (request: rpc.ConfigureRequest) => {
      const { values, failures } = checkShape(definition.config, fromStruct(request.getArgs()));
      if (failures.length > 0) {
        throw new Error(failures.map(({ path, reason }) => `${definition.name}: ${path}: ${reason}`).join("\n"));
      }
      // In a preview, configuration may depend on resources that don't exist yet. The provider then contacts nothing.
      if (!containsUnknown(values)) await definition.configure?.(revealMap(values));
      return new messages.ConfigureResponse().setAcceptsecrets(true).setSupportspreview(true);
    },
  };
}

/** An explicit provider is a resource, so its configuration is in the state, where secret fields must be secret as well. */
function markSecrets(shape: Shape, given: PropertyMap): PropertyMap {
  return Object.fromEntries(
    Object.entries(given).map(([name, value]) => [
      name,
      shape[name]?.secret && value !== unknown ? secret(value) : value,
    ]),
  );
}
