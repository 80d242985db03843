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
  /** Versions that are there and are no step of this kind. */
  readonly notes: readonly string[];
}

export const runtimePrefix = "erlang-";

/** Whether a host may go the steps that apt would go there: each within its series, and without a package that is lost for it. Pure. */
export function judgePackages(
  stack: string,
  host: string,
  packages: readonly PackageModel[],
  { installed, steps, removed, newest }: PackageFacts,
): Judged {
  const seriesOf = (name: string) => packages.find((one) => one.name === name)?.series;
  const refusals = steps.flatMap(({ name, from, to }): Refusal[] => {
    const series = seriesOf(name);
    const what = `apt would take ${name} from ${from} to ${to}`;
    if (series !== undefined && !inSeries(to, series)) {
      const evidence = `${what}, another series than ${series}`;
      return [{ host, evidence, remedy: `./warren up -s ${stack} pins it again; ${otherWay(stack)}` }];
    }
    if (!name.startsWith(runtimePrefix) || from === undefined || releaseOf(from) === releaseOf(to)) return [];
    const evidence = `${what}, another release of Erlang, which this series of RabbitMQ may not run on`;
    return [{ host, evidence, remedy: `take that archive out of its apt sources; ${otherWay(stack)}` }];
  });
  const lost = removed.length > 0 ? `apt would take off ${removed.join(", ")} for it` : undefined;
  const notes = packages.flatMap(({ name, series }) => {
    const version = newest[name];
    if (series === undefined || version === undefined || installed[name] === undefined) return [];
    return inSeries(version, series)
      ? []
      : [`${host}: ${name} ${version} is there, another series: ${otherWay(stack)}`];
  });
  return {
    steps,
    refusals:
      lost === undefined ? refusals : [...refusals, { host, evidence: lost, remedy: `apt-get on ${host} says why` }],
    notes,
  };
}

const otherWay = (stack: string): string =>
  `a series changes by a second cluster alone: ./warren upgrade -s ${stack} --to CLUSTER`;

/** Erlang's own first number, e.g. 25 of `1:25.2.3+dfsg-1`. */
const releaseOf = (version: string): string => /^(?:\d+:)?(\d+)/.exec(version)?.[1] ?? version;
