import { describe, expect, test } from "vitest";
import { ConfigError } from "../../../agents/lib/errors.ts";
import { findings } from "../../../infra/checks/index.ts";
import { noPast } from "../../../infra/checks/past.ts";
import { clusterModels } from "../../../infra/model/cluster.ts";
import { parseCommittedConfig } from "../../engine/stack-config.ts";
import { type Answers, answersSchema, readAnswers } from "./answers.ts";
import { answered, questionsOf } from "./questions.ts";
import { newStackText } from "./text.ts";

const hosts = {
  radarServers: { "urp-1": "192.0.2.11" },
  brokers: { bunny1: "192.0.2.21", bunny2: "192.0.2.22", bunny3: "192.0.2.23" },
  pullers: { "pds-1": "192.0.2.31" },
};
const virtualIp = { address: "192.0.2.50", routerId: 50 };

const textOf = (answers: Answers) => newStackText("trial", answers, "keys/trial_ed25519");
const configOf = (answers: Answers) => parseCommittedConfig(Buffer.from(textOf(answers)), "trial", "stack trial");

/** Answers all questions, each one that is refused with the next answer. @returns the answers, and what was refused */
function converse(...given: readonly string[]) {
  const left = [...given];
  const refused: string[] = [];
  let draft: Partial<Answers> = {};
  for (const question of questionsOf("keys/none")) {
    while (!question.skip?.(draft)) {
      const next = answered(question, left.shift() ?? "", draft);
      if (typeof next !== "string") {
        draft = next;
        break;
      }
      refused.push(next);
    }
  }
  return { answers: answersSchema.parse(draft), refused, left };
}

describe("the stack file", () => {
  test("has no unsafe setting, Debian 13 and RabbitMQ 4.0 unless the answers say otherwise", () => {
    const answers = answersSchema.parse({ ...hosts, virtualIp });
    const config = configOf(answers);
    expect(config.hosts.bunny1).toMatchObject({ address: "192.0.2.21", roles: ["bunny"], release: "trixie" });
    expect(config.brokers.bunny).toMatchObject({ members: ["bunny1", "bunny2", "bunny3"], series: "4.0" });
    expect(config.virtualIps.brokers).toMatchObject({ address: "192.0.2.50", interface: "eth0", routerId: 50 });
    expect(config.ssh).toMatchObject({ user: "root", privateKeyFile: "keys/trial_ed25519" });
    const model = { stack: "trial", clusters: clusterModels(config) };
    expect(findings(model, config, noPast).filter(({ severity }) => severity !== "note")).toEqual([]);
  });

  test("has all answers", () => {
    const monitors = { "monitor-1": "192.0.2.41" };
    const rest = { domain: "weather.example.org", release: "bookworm", user: "ops", monitors } as const;
    const config = configOf(answersSchema.parse({ ...hosts, brokers: { bunny1: "192.0.2.21" }, ...rest }));
    expect(config).toMatchObject({ domain: "weather.example.org", ssh: { user: "ops" }, virtualIps: {} });
    expect(config.hosts["monitor-1"]).toMatchObject({ roles: ["monitor"], release: "bookworm" });
    expect(config.brokers.bunny).toMatchObject({ members: ["bunny1"], series: "3.10" });
  });
});

describe("questions", () => {
  test("empty answers are the ones in brackets", () => {
    const { answers, refused, left } = converse(
      ...["", "", "urp-1=192.0.2.11", "bunny1=192.0.2.21, bunny2=192.0.2.22 bunny3=192.0.2.23", "pds-1=192.0.2.31"],
      ...["", "192.0.2.50", "", "", "", ""],
    );
    expect(refused).toEqual([]);
    expect(left).toEqual([]);
    expect(answers).toEqual(answersSchema.parse({ ...hosts, virtualIp }));
  });

  test("a virtual IP is asked for only where there are several brokers", () => {
    const { answers, left } = converse(
      "",
      "12",
      "urp-1=192.0.2.11",
      "bunny1=192.0.2.21",
      "pds-1=192.0.2.31",
      "",
      "ops",
    );
    expect(left).toEqual([]);
    expect(answers).toMatchObject({ release: "bookworm", user: "ops" });
    expect(answers.virtualIp).toBeUndefined();
  });

  test.each([
    [0, "Not A Domain", /^expected a full name/],
    [1, "14", "expected 13 (trixie) or 12 (bookworm)"],
    [2, "", "expected at least one host, e.g. host-1=192.0.2.11"],
    [2, "urp-1", "expected NAME=ADDRESS, e.g. host-1=192.0.2.11, got urp-1"],
    [2, "URP=192.0.2.11", /lower-case letters/],
    [2, "urp-1=192.0.2.311", /^urp-1: expected an IPv4 address, got "192.0.2.311"/],
    [3, "urp-1=192.0.2.21", "expected another name, because urp-1 is a host already"],
    [3, "bunny1=192.0.2.11", "expected another address, because a host has 192.0.2.11 already"],
    [6, "192.0.2.21", "expected another address, because a host has 192.0.2.21 already"],
    [7, "eth 0", /^expected an interface name/],
    [8, "256", /255/],
    [9, "Root!", /^expected a login name/],
    [10, "keys/there-is-none", "there is no file keys/there-is-none"],
  ])("question %d: %j is refused, and asked for again", (at, wrong, expected) => {
    const right = [
      ...["", "", "urp-1=192.0.2.11", "bunny1=192.0.2.21 bunny2=192.0.2.22 bunny3=192.0.2.23", "pds-1=192.0.2.31", ""],
      ...["192.0.2.50", "", "50", "", ""],
    ];
    const { answers, refused } = converse(...right.slice(0, at), wrong, ...right.slice(at));
    expect(refused).toEqual([typeof expected === "string" ? expected : expect.stringMatching(expected)]);
    expect(answers).toEqual(answersSchema.parse({ ...hosts, virtualIp }));
  });
});

describe("answers from a file", () => {
  const read = (text: string) => readAnswers(Buffer.from(text), "answers.yaml");

  test("are those of the questions", () => {
    expect(read(JSON.stringify({ ...hosts, virtualIp }))).toEqual(answersSchema.parse({ ...hosts, virtualIp }));
  });

  test.each([
    ["{}", ["radarServers", "brokers", "pullers"]],
    [JSON.stringify({ ...hosts, virtualIp, pullers: {}, colour: "red" }), ["pullers", "colour"]],
    [JSON.stringify(hosts), ["virtualIp"]],
    [JSON.stringify({ ...hosts, virtualIp: { ...virtualIp, address: "192.0.2.11" } }), ["virtualIp"]],
    [JSON.stringify({ ...hosts, virtualIp, pullers: { bunny1: "192.0.2.31" } }), ["pullers.bunny1"]],
    ["[", ["line 1"]],
  ])("%s is refused with all mistakes", (text, paths) => {
    const issues = () => {
      try {
        read(text);
        return [];
      } catch (error) {
        return error instanceof ConfigError ? error.issues.map(({ path }) => path) : [String(error)];
      }
    };
    expect(issues()).toEqual(paths);
  });
});
