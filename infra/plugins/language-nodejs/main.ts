import type * as grpc from "@grpc/grpc-js";
import services from "@pulumi/pulumi/proto/language_grpc_pb.js";
import type * as rpc from "@pulumi/pulumi/proto/language_pb.js";
import messages from "@pulumi/pulumi/proto/language_pb.js";
import pluginMessages from "@pulumi/pulumi/proto/plugin_pb.js";
import emptyMessages from "google-protobuf/google/protobuf/empty_pb.js";
import { engineArgument } from "../lib/engine.ts";
import { implement, serve } from "../lib/grpc.ts";
import { endWithParent } from "../lib/lifetime.ts";
import { Programs, planStart } from "./program.ts";

/** The release of SDK and engine whose protocol this host implements. */
const version = "3.259.0";

let engineAddress = engineArgument();
const programs = new Programs();

const unary = {
  handshake: (request: rpc.LanguageHandshakeRequest) => {
    engineAddress = request.getEngineAddress();
    return new messages.LanguageHandshakeResponse();
  },
  getPluginInfo: () => new pluginMessages.PluginInfo().setVersion(version),
  about: () => new messages.AboutResponse().setExecutable(process.execPath).setVersion(process.version),
  // Providers are found when their first resource is registered, because every SDK then names its plugin and version.
  getRequiredPlugins: () => new messages.GetRequiredPluginsResponse(),
  getRequiredPackages: () => new messages.GetRequiredPackagesResponse(),
  run: async (request: rpc.RunRequest) => {
    const { error, bail } = await programs.run(planStart(request, engineAddress));
    return new messages.RunResponse().setError(error).setBail(bail);
  },
  cancel: () => {
    programs.cancel();
    return new emptyMessages.Empty();
  },
};

const service = services.LanguageRuntimeService as grpc.ServiceDefinition;
endWithParent(async () => programs.cancel());
void serve(service, implement(service, "language-nodejs", unary));
