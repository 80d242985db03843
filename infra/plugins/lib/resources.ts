import * as grpc from "@grpc/grpc-js";
import type * as rpc from "@pulumi/pulumi/proto/provider_pb.js";
import messages from "@pulumi/pulumi/proto/provider_pb.js";
import emptyMessages from "google-protobuf/google/protobuf/empty_pb.js";
import { compareInputs } from "./difference.ts";
import { StatusError } from "./grpc.ts";
import type { ProviderDefinition, ResourceHandler } from "./handlers.ts";
import { markOutputs, previewOutputs } from "./marks.ts";
import type { Operations } from "./operations.ts";
import { checkResponse, diffResponse } from "./responses.ts";
import { checkShape } from "./shape.ts";
import { fromStruct, toStruct } from "./structs.ts";
import { revealMap } from "./values.ts";

/** The methods for resources. No plugin has functions. */
export function resourceMethods(definition: ProviderDefinition, operations: Operations) {
  const find = (request: Typed) => findResource(definition, request);
  const readAgain = definition.readBeforeRuns ?? false;
  return {
    check: (request: rpc.CheckRequest) => check(find(request), request),
    diff: (request: rpc.DiffRequest) => diff(find(request), request),
    create: async (request: rpc.CreateRequest) =>
      (await create(find(request), request, operations)).setRefreshBeforeUpdate(readAgain),
    read: async (request: rpc.ReadRequest) =>
      (await read(find(request), request, operations)).setRefreshBeforeUpdate(readAgain),
    update: async (request: rpc.UpdateRequest) =>
      (await update(find(request), request, operations)).setRefreshBeforeUpdate(readAgain),
    delete: async (request: rpc.DeleteRequest) => {
      const handler = find(request);
      const state = { ...fromStruct(request.getOldInputs()), ...fromStruct(request.getProperties()) };
      const subject = {
        urn: request.getUrn(),
        declared: handler,
        values: [state],
      };
      await operations.run(subject, async (operation) =>
        handler.delete?.(request.getId(), revealMap(state), operation),
      );
      return new emptyMessages.Empty();
    },
    invoke: (request: rpc.InvokeRequest) => refuse(definition, request.getTok()),
  };
}

interface Typed {
  getType(): string;
  getUrn(): string;
}

function findResource(definition: ProviderDefinition, request: Typed): ResourceHandler {
  // The type is in the request, or, if the engine omits it, after the last `$` of the URN's type part.
  const token = request.getType() || (request.getUrn().split("::")[2]?.split("$").at(-1) ?? "");
  const handler = definition.resources.find((resource) => resource.token === token);
  return handler ?? refuse(definition, token);
}

function refuse({ resources }: ProviderDefinition, token: string): never {
  const known = resources.map((each) => each.token).join(", ");
  const reason = `warren's plugin has only ${known}; use the official plugin`;
  throw new StatusError(grpc.status.NOT_FOUND, `${token}: not supported: ${reason}`);
}

function check(handler: ResourceHandler, request: rpc.CheckRequest) {
  const { values, failures } = checkShape(handler.inputs, fromStruct(request.getNews()));
  const wrong = failures.length > 0 ? failures : (handler.check?.(values) ?? []);
  if (wrong.length > 0 || handler.complete === undefined) return checkResponse(values, wrong);
  return checkResponse(handler.complete(values), []);
}

function diff(handler: ResourceHandler, request: rpc.DiffRequest) {
  const olds = fromStruct(request.getOldInputs());
  const news = fromStruct(request.getNews());
  const ignored = new Set([...request.getIgnorechangesList(), ...(handler.ignored?.(olds, news) ?? [])]);
  const changes = compareInputs(handler.inputs, olds, news)
    .filter((change) => !ignored.has(change.path) && !ignored.has(change.path.split(/[.[]/)[0] ?? ""))
    .map((change) => ({ ...change, replace: change.replace || handler.update === undefined }));
  return diffResponse(changes, handler.deleteBeforeReplace?.(olds, news) ?? false);
}

async function create(handler: ResourceHandler, request: rpc.CreateRequest, operations: Operations) {
  const inputs = fromStruct(request.getProperties());
  const response = new messages.CreateResponse();
  if (request.getPreview()) return response.setProperties(toStruct(previewOutputs(handler, inputs)));
  const subject = { urn: request.getUrn(), declared: handler, values: [inputs] };
  const made = await operations.run(subject, (operation) => handler.create(revealMap(inputs), operation));
  return response.setId(made.id).setProperties(toStruct(markOutputs(handler, inputs, made.outputs)));
}

async function update(handler: ResourceHandler, request: rpc.UpdateRequest, operations: Operations) {
  const state = fromStruct(request.getOlds());
  const inputs = fromStruct(request.getNews());
  const response = new messages.UpdateResponse();
  if (request.getPreview()) return response.setProperties(toStruct(previewOutputs(handler, inputs)));
  const change = handler.update?.bind(handler);
  if (change === undefined) throw new Error(`${handler.token} is never updated in place`);
  const subject = {
    urn: request.getUrn(),
    declared: handler,
    values: [state, inputs],
  };
  const outputs = await operations.run(subject, (operation) =>
    change(request.getId(), revealMap(state), revealMap(inputs), operation),
  );
  return response.setProperties(toStruct(markOutputs(handler, inputs, outputs)));
}

async function read(handler: ResourceHandler, request: rpc.ReadRequest, operations: Operations) {
  const state = fromStruct(request.getProperties());
  const inputs = fromStruct(request.getInputs());
  const response = new messages.ReadResponse();
  const readActual = handler.read?.bind(handler);
  if (readActual === undefined) {
    if (Object.keys(state).length === 0) {
      throw new Error(`${handler.token} can't be imported: its inputs can't be read from outside`);
    }
    return response.setId(request.getId()).setProperties(toStruct(state)).setInputs(toStruct(inputs));
  }
  const subject = {
    urn: request.getUrn(),
    declared: handler,
    values: [state, inputs],
  };
  const found = await operations.run(subject, (operation) =>
    readActual(request.getId(), revealMap(state), revealMap(inputs), operation),
  );
  // An empty id tells the engine that the resource is gone.
  if (found === undefined) return response;
  const marks = { ...state, ...inputs };
  return response
    .setId(found.id)
    .setProperties(toStruct(markOutputs(handler, marks, found.outputs)))
    .setInputs(toStruct(markOutputs(handler, marks, found.inputs)));
}
