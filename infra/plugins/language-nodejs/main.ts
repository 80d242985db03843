import type * as grpc from "@grpc/grpc-js";
import services from "@pulumi/pulumi/proto/language_grpc_pb.js";
import type * as rpc from "@pulumi/pulumi/proto/language_pb.js";
import messages from "@pulumi/pulumi/proto/language_pb.js";
import pluginMessages from "@pulumi/pulumi/proto/plugin_pb.js";
import emptyMessages from "google-protobuf/google/protobuf/empty_pb.js";
import { engineArgument } from "../lib/engine.ts";
import { implement, type StreamCall, serve } from "../lib/grpc.ts";
import { endWithParent } from "../lib/lifetime.ts";
import { installDependencies, listDependencies } from "./dependencies.ts";
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
  getProgramDependencies: (request: rpc.GetProgramDependenciesRequest) => {
    const directory = request.getInfo()?.getProgramDirectory() || request.getPwd();
    const response = new messages.GetProgramDependenciesResponse();
    for (const { name, version: installed } of listDependencies(directory)) {
      response.addDependencies(new messages.DependencyInfo().setName(name).setVersion(installed));
    }
    return response;
  },
  run: async (request: rpc.RunRequest) => {
    const { error, bail } = await programs.run(planStart(request, engineAddress));
    return new messages.RunResponse().setError(error).setBail(bail);
  },
  cancel: () => {
    programs.cancel();
    return new emptyMessages.Empty();
  },
};

const streams = {
  installDependencies: (call: StreamCall<rpc.InstallDependenciesRequest, rpc.InstallDependenciesResponse>) =>
    installDependencies(call.request.getInfo()?.getProgramDirectory() || call.request.getDirectory(), {
      stdout: (chunk) => call.write(new messages.InstallDependenciesResponse().setStdout(chunk)),
      stderr: (chunk) => call.write(new messages.InstallDependenciesResponse().setStderr(chunk)),
    }),
};

const service = services.LanguageRuntimeService as grpc.ServiceDefinition;
endWithParent(async () => programs.cancel());
void serve(service, implement(service, "language-nodejs", { unary, streams }));
