import * as z from "zod";
import { UserError } from "../../../agents/lib/errors.ts";

const resourceSchema = z.looseObject({ type: z.string(), outputs: z.record(z.string(), z.unknown()).optional() });
const exportSchema = z.looseObject({
  version: z.number(),
  deployment: z.looseObject({ resources: z.array(resourceSchema).nullish() }).nullish(),
});

/** Outputs that outlive the hosts: the CA that clients trust, and the certificates it has signed. */
const lasting = ["tls"] as const;

/** The number of resources in an exported state. @throws UserError if the text is not an exported state */
export function resourceCount(text: string): number {
  return parse(text).deployment?.resources?.length ?? 0;
}

/**
 * The part of an exported state that is still true on bare hosts: only the outputs that outlive them. If the state kept its resources, `up` would treat
 * objects as created that do not exist, even on a broker that can't be asked yet.
 *
 * @returns undefined if there is no such output
 */
export function stateForBareHosts(text: string): string | undefined {
  const state = parse(text);
  const stack = state.deployment?.resources?.find(({ type }) => type === "pulumi:pulumi:Stack");
  const outputs = Object.fromEntries(
    lasting.flatMap((name) => (stack?.outputs?.[name] ? [[name, stack.outputs[name]]] : [])),
  );
  if (!stack || Object.keys(outputs).length === 0) return undefined;
  const { pending_operations: _, ...deployment } = state.deployment ?? {};
  return JSON.stringify({ ...state, deployment: { ...deployment, resources: [{ ...stack, outputs }] } });
}

function parse(text: string): z.infer<typeof exportSchema> {
  try {
    return exportSchema.parse(JSON.parse(text));
  } catch (cause) {
    throw new UserError("the engine's state", "does not have the format of `pulumi stack export`", undefined, {
      cause,
    });
  }
}
