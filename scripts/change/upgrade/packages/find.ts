import { UserError } from "../../../../agents/lib/errors.ts";
import { type Membership, membershipAmong } from "../../../../infra/commands/membership.ts";
import type { StackConfig } from "../../../../infra/config/index.ts";
import { traitsOf } from "../../../../infra/config/series.ts";
import type { Hosts } from "../../../../infra/hosts/connect.ts";
import { buildModel } from "../../../../infra/model/index.ts";
import type { HostModel } from "../../../../infra/model/types.ts";
import { buildArtifacts } from "../../../../infra/resources/artifacts.ts";
import { checkout } from "../../../engine/places.ts";
import { askPackages, type PackageStep } from "./facts.ts";
import { judgePackages, type Refusal } from "./judge.ts";

export interface HostUpgrades {
  readonly host: string;
  readonly steps: readonly PackageStep[];
  /** Packages to be put on hold, according to the config. */
  readonly held: readonly string[];
  /** Installed versions. */
  readonly installed: Readonly<Record<string, string>>;
  readonly membership: Membership | undefined;
}

export interface StackUpgrades {
  readonly hosts: readonly HostUpgrades[];
  readonly refusals: readonly Refusal[];
  readonly notes: readonly string[];
}

/** Asks each host which upgrades its archives have for the packages that warren installs. @throws UserError if a host does not answer */
export async function findUpgrades(stack: string, config: StackConfig, reach: Hosts): Promise<StackUpgrades> {
  const { hosts } = buildModel(stack, config, await buildArtifacts(checkout));
  const results = await Promise.all(
    hosts
      .filter(({ packages }) => packages.length > 0)
      .map(async (model) => {
        const facts = await askPackages(
          reach,
          model.name,
          model.packages.map(({ name }) => name),
        );
        if ("why" in facts) {
          const remedy = "fix it; nothing was done";
          throw new UserError(model.name, `can't list its upgrades: ${facts.why}`, remedy);
        }
        return { model, facts, judged: judgePackages(stack, model.name, model.packages, facts) };
      }),
  );
  return {
    hosts: results.map(({ model, facts, judged }) => ({
      host: model.name,
      steps: judged.steps,
      held: heldOf(model),
      installed: facts.installed,
      membership: membershipOf(config, model.name),
    })),
    refusals: results.flatMap(({ judged }) => judged.refusals),
    notes: results.flatMap(({ judged }) => judged.notes),
  };
}

const heldOf = ({ packages }: HostModel): string[] =>
  packages.flatMap(({ name, series }) => (series === undefined ? [] : [name]));

function membershipOf({ brokers }: StackConfig, host: string): Membership | undefined {
  const broker = Object.values(brokers).find(({ members }) => members.includes(host));
  return broker && membershipAmong(broker.members, host, traitsOf(broker.series).replication === "quorum");
}
