import type { PackageModel } from "../../../../infra/model/types.ts";
import { inSeries } from "../../../../infra/observe/drift.ts";
import type { PackageFacts, PackageStep } from "./facts.ts";

export interface Refusal {
  readonly host: string;
  readonly evidence: string;
  readonly remedy: string;
}

export interface Judged {
  readonly steps: readonly PackageStep[];
  readonly refusals: readonly Refusal[];
  /** Available versions of another series. */
  readonly notes: readonly string[];
}

export const runtimePrefix = "erlang-";

/** Checks the upgrades that apt would make: each must stay within its series, and none may remove a package. Pure. */
export function judgePackages(
  stack: string,
  host: string,
  packages: readonly PackageModel[],
  { installed, steps, removed, newest }: PackageFacts,
): Judged {
  const seriesOf = (name: string) => packages.find((one) => one.name === name)?.series;
  const refusals = steps.flatMap(({ name, from, to }): Refusal[] => {
    const series = seriesOf(name);
    const what = `apt would upgrade ${name} from ${from} to ${to}`;
    if (series !== undefined && !inSeries(to, series)) {
      const evidence = `${what}, which is not in series ${series}`;
      return [{ host, evidence, remedy: `pin it again with ./warren up -s ${stack}; ${otherWay(stack)}` }];
    }
    if (!name.startsWith(runtimePrefix) || from === undefined || releaseOf(from) === releaseOf(to)) return [];
    const evidence = `${what}, a release of Erlang that this series of RabbitMQ may not support`;
    return [{ host, evidence, remedy: `remove that archive from its apt sources; ${otherWay(stack)}` }];
  });
  const lost = removed.length > 0 ? `apt would remove ${removed.join(", ")}` : undefined;
  const notes = packages.flatMap(({ name, series }) => {
    const version = newest[name];
    if (series === undefined || version === undefined || installed[name] === undefined) return [];
    return inSeries(version, series)
      ? []
      : [`${host}: ${name} ${version} is available, in another series: ${otherWay(stack)}`];
  });
  return {
    steps,
    refusals:
      lost === undefined
        ? refusals
        : [...refusals, { host, evidence: lost, remedy: `find the cause with apt-get --simulate upgrade on ${host}` }],
    notes,
  };
}

const otherWay = (stack: string): string =>
  `another series needs a second cluster: ./warren upgrade -s ${stack} --to CLUSTER`;

/** Erlang's major version, e.g. 25 of `1:25.2.3+dfsg-1`. */
const releaseOf = (version: string): string => /^(?:\d+:)?(\d+)/.exec(version)?.[1] ?? version;
