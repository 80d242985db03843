import type * as grpc from "@grpc/grpc-js";
import pluginMessages from "@pulumi/pulumi/proto/plugin_pb.js";
import services from "@pulumi/pulumi/proto/provider_grpc_pb.js";
import type * as rpc from "@pulumi/pulumi/proto/provider_pb.js";
import messages from "@pulumi/pulumi/proto/provider_pb.js";
import emptyMessages from "google-protobuf/google/protobuf/empty_pb.js";
import { configurationMethods } from "./configuration.ts";
import { EngineLog, engineArgument } from "./engine.ts";
import { implement, serve } from "./grpc.ts";
import type { ProviderDefinition } from "./handlers.ts";
import { endWithParent } from "./lifetime.ts";
import { Operations } from "./operations.ts";
import { resourceMethods } from "./resources.ts";

/** Serves a provider to the engine that started this process, until the engine shuts it down or exits. */
export async function serveProvider(definition: ProviderDefinition): Promise<void> {
  const log = new EngineLog();
  const operations = new Operations(log);
  const engineAddress = engineArgument();
  if (engineAddress !== "") log.connect(engineAddress);

  const implementation = implement(services.ResourceProviderService as grpc.ServiceDefinition, definition.name, {
    ...lifeMethods(definition, log, operations),
    ...configurationMethods(definition),
    ...resourceMethods(definition, operations),
  });
  // Before the port is printed, because the engine may shut the plugin down as soon as it knows it.
  endWithParent(async () => {
    operations.cancel();
    await definition.close?.();
    await log.flush();
  });
  await serve(services.ResourceProviderService as grpc.ServiceDefinition, implementation);
}

function lifeMethods(definition: ProviderDefinition, log: EngineLog, operations: Operations) {
  return {
    handshake: (request: rpc.ProviderHandshakeRequest) => {
      log.connect(request.getEngineAddress());
      return new messages.ProviderHandshakeResponse().setAcceptSecrets(true);
    },
    attach: (request: InstanceType<typeof pluginMessages.PluginAttach>) => {
      log.connect(request.getAddress());
      return new emptyMessages.Empty();
    },
    getPluginInfo: () => new pluginMessages.PluginInfo().setVersion(definition.version),
    cancel: () => {
      operations.cancel();
      return new emptyMessages.Empty();
    },
  };
}
