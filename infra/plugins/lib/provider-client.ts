import * as grpc from "@grpc/grpc-js";
import services from "@pulumi/pulumi/proto/provider_grpc_pb.js";
import type * as rpc from "@pulumi/pulumi/proto/provider_pb.js";
import messages from "@pulumi/pulumi/proto/provider_pb.js";
import emptyMessages from "google-protobuf/google/protobuf/empty_pb.js";
import { channelOptions } from "./grpc.ts";
import { type PluginProcess, startPlugin } from "./plugin-process.ts";
import type { Failure } from "./shape.ts";
import { fromStruct, toStruct } from "./structs.ts";
import type { PropertyMap } from "./values.ts";

export interface DiffResult {
  readonly changed: boolean;
  readonly replaces: readonly string[];
  /** Property path to the name of its kind, e.g. `UPDATE_REPLACE`. */
  readonly detailed: { readonly [path: string]: string };
  readonly deleteBeforeReplace: boolean;
}

/** For tests: a provider plugin, called by gRPC like the engine does. */
export interface ProviderProcess {
  readonly plugin: PluginProcess;
  /** The generated client, for calls that the other members do not cover. */
  readonly client: InstanceType<typeof services.ResourceProviderClient>;
  check(type: string, news: PropertyMap): Promise<{ inputs: PropertyMap; failures: Failure[] }>;
  diff(type: string, oldInputs: PropertyMap, news: PropertyMap, state?: PropertyMap): Promise<DiffResult>;
  create(type: string, inputs: PropertyMap, options?: CreateOptions): Promise<{ id: string; outputs: PropertyMap }>;
  update(type: string, state: PropertyMap, news: PropertyMap, options?: { preview?: boolean }): Promise<PropertyMap>;
  read(
    type: string,
    id: string,
    state?: PropertyMap,
    inputs?: PropertyMap,
  ): Promise<{ id: string; outputs: PropertyMap; inputs: PropertyMap }>;
  delete(type: string, id: string, state: PropertyMap, oldInputs?: PropertyMap): Promise<void>;
  /** Always refused. */
  invoke(token: string): Promise<void>;
  cancel(): Promise<void>;
  stop(): Promise<void>;
}

export interface CreateOptions {
  readonly preview?: boolean;
}

/** Starts a provider and configures it. */
export async function startProvider(entry: string, config: PropertyMap = {}): Promise<ProviderProcess> {
  const plugin = await startPlugin(entry);
  const client = new services.ResourceProviderClient(plugin.address, grpc.credentials.createInsecure(), channelOptions);
  const configuration = new messages.ConfigureRequest().setAcceptsecrets(true).setArgs(toStruct(config));
  try {
    await answer<rpc.ConfigureResponse>((done) => client.configure(configuration, done));
  } catch (error) {
    client.close();
    await plugin.stop();
    throw error;
  }
  return {
    plugin,
    client,
    check: async (type, news) => {
      const request = named(new messages.CheckRequest(), type).setNews(toStruct(news));
      const response = await answer<rpc.CheckResponse>((done) => client.check(request, done));
      return { inputs: fromStruct(response.getInputs()), failures: response.getFailuresList().map(toFailure) };
    },
    diff: async (type, oldInputs, news, state = oldInputs) => {
      const request = named(new messages.DiffRequest(), type).setId("id").setOlds(toStruct(state));
      request.setOldInputs(toStruct(oldInputs)).setNews(toStruct(news));
      return toDiffResult(await answer<rpc.DiffResponse>((done) => client.diff(request, done)));
    },
    create: async (type, inputs, { preview = false } = {}) => {
      const request = named(new messages.CreateRequest(), type).setProperties(toStruct(inputs));
      request.setPreview(preview);
      const response = await answer<rpc.CreateResponse>((done) => client.create(request, done));
      return { id: response.getId(), outputs: fromStruct(response.getProperties()) };
    },
    update: async (type, state, news, { preview = false } = {}) => {
      const request = named(new messages.UpdateRequest(), type).setId("id").setOlds(toStruct(state));
      request.setNews(toStruct(news)).setPreview(preview);
      const response = await answer<rpc.UpdateResponse>((done) => client.update(request, done));
      return fromStruct(response.getProperties());
    },
    read: async (type, id, state = {}, inputs = {}) => {
      const request = named(new messages.ReadRequest(), type).setId(id).setProperties(toStruct(state));
      request.setInputs(toStruct(inputs));
      const response = await answer<rpc.ReadResponse>((done) => client.read(request, done));
      return {
        id: response.getId(),
        outputs: fromStruct(response.getProperties()),
        inputs: fromStruct(response.getInputs()),
      };
    },
    delete: async (type, id, state, oldInputs = {}) => {
      const request = named(new messages.DeleteRequest(), type).setId(id).setProperties(toStruct(state));
      request.setOldInputs(toStruct(oldInputs));
      await answer((done) => client.delete(request, done));
    },
    invoke: async (token) => {
      await answer((done) => client.invoke(new messages.InvokeRequest().setTok(token), done));
    },
    cancel: async () => {
      await answer((done) => client.cancel(new emptyMessages.Empty(), done));
    },
    stop: async () => {
      client.close();
      await plugin.stop();
    },
  };
}

/** The answer to a call of the generated client, which uses callbacks. */
export function answer<Response>(
  call: (done: (error: grpc.ServiceError | null, response: Response) => void) => unknown,
): Promise<Response> {
  return new Promise((resolve, reject) => {
    call((error, response) => (error ? reject(error) : resolve(response)));
  });
}

interface Named {
  setUrn(urn: string): unknown;
  setType(type: string): unknown;
  setName(name: string): unknown;
}

/** The URN of the resource `name` of this type, as used in these requests. */
function urnOf(type: string): string {
  return `urn:pulumi:test::warren::${type}::one`;
}

function named<Request extends Named>(request: Request, type: string): Request {
  request.setUrn(urnOf(type));
  request.setType(type);
  request.setName("one");
  return request;
}

function toFailure(failure: rpc.CheckFailure): Failure {
  return { path: failure.getProperty(), reason: failure.getReason() };
}

function toDiffResult(response: rpc.DiffResponse): DiffResult {
  const kinds = Object.entries(messages.PropertyDiff.Kind);
  const detailed: { [path: string]: string } = {};
  response.getDetaileddiffMap().forEach((property, path) => {
    detailed[path] = kinds.find(([, value]) => value === property.getKind())?.[0] ?? "";
  });
  return {
    changed: response.getChanges() === messages.DiffResponse.DiffChanges.DIFF_SOME,
    replaces: response.getReplacesList(),
    detailed,
    deleteBeforeReplace: response.getDeletebeforereplace(),
  };
}
