import { resolve } from "node:path";
import * as command from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import { specialAssetSig, specialSigKey } from "@pulumi/pulumi/runtime/rpc.js";
import { and, asRoot, type Command, noted, render } from "../commands/command.ts";
import { digestWord } from "../commands/units.ts";
import type { HostModel } from "../model/types.ts";
import { type PlannedStep, stepName, stepNotes } from "./plan.ts";
import type { Step } from "./step.ts";

export interface HostArgs {
  readonly model: HostModel;
  readonly connection: pulumi.Input<command.types.input.remote.ConnectionArgs>;
  readonly checkout: string;
  /** Resources of steps by `HOST STEP`, of all hosts. */
  readonly declared: ReadonlyMap<string, pulumi.Resource>;
  /** Broker objects that later steps wait for, by cluster. */
  readonly brokerObjects: ReadonlyMap<string, readonly pulumi.Resource[]>;
}

/** Everything that warren manages on one host, one `remote.Command` each. */
export class Host extends pulumi.ComponentResource {
  constructor(name: string, opts?: pulumi.ComponentResourceOptions) {
    super("warren:index:Host", name, {}, opts);
  }
}

/**
 * Declares one step. What renews it carries notes of content and repair, so that the engine sees a difference only where there is something
 * to do.
 */
export function declareStep(host: Host, args: HostArgs, planned: PlannedStep): pulumi.Resource {
  const { step, kept } = planned;
  const user = args.model.connection.user;
  const script = (body: Command, notes: readonly string[] = []) =>
    render(asRoot(user, step.timeoutSeconds, noted(notes, body))).replaceAll(digestWord, kept.digest);
  const before = predecessors(step, planned.host, args);
  const turn = planned.turn && made(predecessors(planned.turn, planned.host, args));
  const inTurn = (resources: readonly pulumi.Resource[]) => turn?.then(() => [...resources]) ?? [...resources];
  const update = script(kept.repair ? repairOf(planned) : step.renew, stepNotes(planned));
  // Most steps are created as they are renewed. Their one script is in the state once, because the engine writes the state twice for each step.
  const isRenewedAsCreated = script(step.create, stepNotes(planned)) === update;
  // An existing thing is never created again: only `update` changes.
  const options: pulumi.CustomResourceOptions = {
    parent: host,
    ...(isRenewedAsCreated ? {} : { ignoreChanges: ["create"] }),
    ...(planned.alias === undefined ? {} : { aliases: [{ name: planned.alias }] }),
  };
  const copies = step.copy
    ? [
        new command.remote.CopyToRemote(
          copyName(planned.name),
          {
            connection: args.connection,
            source: fileAsset(resolve(args.checkout, step.copy.source), step.copy.sha256),
            remotePath: step.copy.remotePath,
            triggers: [kept.digest, kept.repair],
          },
          { parent: host, dependsOn: inTurn(before) },
        ),
      ]
    : [];
  return new command.remote.Command(
    planned.name,
    {
      connection: args.connection,
      ...(isRenewedAsCreated ? { create: update } : { create: script(step.create), update }),
      ...(step.remove ? { delete: script(step.remove) } : {}),
      ...(step.stdin ? { stdin: step.stdin.secret ? pulumi.secret(step.stdin.text) : step.stdin.text } : {}),
      logging: command.remote.Logging.None,
      addPreviousOutputInEnv: false,
    },
    { ...options, dependsOn: inTurn([...before, ...copies]) },
  );
}

/** The resources that come before a step, or whose turn does. */
function predecessors(
  { after, afterBroker }: Pick<Step, "after" | "afterBroker">,
  host: string,
  { declared, brokerObjects }: HostArgs,
): pulumi.Resource[] {
  return [
    ...after.flatMap((other) => declared.get(stepName(host, other)) ?? declared.get(other) ?? []),
    ...((afterBroker && brokerObjects.get(afterBroker)) || []),
  ];
}

/** Resolves when the engine has made all; rejects when one fails. */
const made = (resources: readonly pulumi.Resource[]): Promise<unknown> =>
  Promise.all(resources.map(({ urn }) => (urn as unknown as { promise(): Promise<unknown> }).promise()));

/**
 * A file with its digest, as the SDK would send it to the engine. The SDK's own assets have no digest, so the engine would read the file again for
 * each host; Node has fifty megabytes.
 */
const fileAsset = (path: string, sha256: string) =>
  ({ [specialSigKey]: specialAssetSig, path, hash: sha256 }) as unknown as pulumi.asset.Asset;

/** Name of the copy before a step. */
export const copyName = (step: string): string => `${step} copy`;

/** The last planned repair. Its text stays the same in every run until the next repair. */
function repairOf({ step, kept }: PlannedStep): Command {
  return and(step.repair, ...(kept.mends ?? []).flatMap((mend) => step.mends?.[mend] ?? []));
}
