import messages from "@pulumi/pulumi/proto/provider_pb.js";
import type { Change } from "./difference.ts";
import type { Failure } from "./shape.ts";
import { toStruct } from "./structs.ts";
import type { PropertyMap } from "./values.ts";

const { DiffChanges } = messages.DiffResponse;
const { Kind } = messages.PropertyDiff;

const kinds = {
  add: [Kind.ADD, Kind.ADD_REPLACE],
  delete: [Kind.DELETE, Kind.DELETE_REPLACE],
  update: [Kind.UPDATE, Kind.UPDATE_REPLACE],
} as const;

export function checkResponse(inputs: PropertyMap, failures: readonly Failure[]) {
  const response = new messages.CheckResponse();
  response.setInputs(toStruct(inputs));
  for (const { path, reason } of failures) {
    response.addFailures(new messages.CheckFailure().setProperty(path).setReason(reason));
  }
  return response;
}

export function diffResponse(changes: readonly Change[], deleteBeforeReplace: boolean) {
  const response = new messages.DiffResponse();
  response.setChanges(changes.length > 0 ? DiffChanges.DIFF_SOME : DiffChanges.DIFF_NONE);
  response.setHasdetaileddiff(true);
  for (const { path, kind, replace } of changes) {
    const property = new messages.PropertyDiff().setKind(kinds[kind][replace ? 1 : 0]).setInputdiff(true);
    response.getDetaileddiffMap().set(path, property);
  }
  // In addition to the detailed paths, these two lists name the inputs for the engine's one-line display.
  const inputsOf = (some: readonly Change[]) => [...new Set(some.map(({ path }) => path.split(/[.[]/)[0] ?? path))];
  response.setDiffsList(inputsOf(changes));
  response.setReplacesList(inputsOf(changes.filter(({ replace }) => replace)));
  response.setDeletebeforereplace(deleteBeforeReplace && changes.some((change) => change.replace));
  return response;
}
