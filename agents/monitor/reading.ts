import type { Figures, QueryName, Sample } from "./queries.ts";

type Labels = Readonly<Record<string, string>>;

/** Answers, asked by labels. */
export interface Reading {
  all(name: QueryName): readonly Sample[];
  /** The value of the sample with these labels, and with any others; undefined if there is none, or no number. */
  of(name: QueryName, labels?: Labels): number | undefined;
  /** Whether targets answer; undefined if there are none with these labels. */
  up(labels: Labels): boolean | undefined;
  agentUp(host: string, agent: string): boolean | undefined;
  /** Whether an agent itself reports that a person has to act. */
  complains(host: string, agent: string): boolean;
  /** Whether nothing on a host answers; undefined if nothing is asked there. */
  hostDown(host: string): boolean | undefined;
}

const matches = (sample: Sample, labels: Labels): boolean =>
  Object.entries(labels).every(([name, value]) => sample.labels[name] === value);

export function reading(figures: Figures): Reading {
  const all = (name: QueryName): readonly Sample[] => figures[name] ?? [];
  const targets = (labels: Labels): readonly Sample[] => all("up").filter((sample) => matches(sample, labels));
  const up = (labels: Labels): boolean | undefined => {
    const found = targets(labels);
    return found.length === 0 ? undefined : found.every(({ value }) => value > 0);
  };
  return {
    all,
    of(name, labels = {}) {
      const value = all(name).find((sample) => matches(sample, labels))?.value;
      return value === undefined || Number.isNaN(value) ? undefined : value;
    },
    up,
    agentUp: (host, agent) => up({ job: "agent", host, agent }),
    complains: (host, agent) => all("healthy").some((one) => matches(one, { host, agent }) && one.value === 0),
    hostDown(host) {
      const found = targets({ host });
      return found.length === 0 ? undefined : found.every(({ value }) => value === 0);
    },
  };
}
