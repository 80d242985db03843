import { expect, it } from "vitest";
import { parse } from "yaml";
import { parseStackConfig } from "../../../infra/config/index.ts";
import { withPlaceholders } from "../../../infra/config/placeholders.ts";
import { upgradeStackText } from "../../../tests/acceptance/upgrade-subject.ts";
import { stackText } from "../../engine/stack-config.ts";
import { placesChanged, stayingAt, withoutBeside, withPlacesChanged } from "./stack-file.ts";

const before = upgradeStackText(stackText("lab"));

function configOf(text: string) {
  const entries = Object.entries((parse(text) as { config: Record<string, unknown> }).config);
  return parseStackConfig(
    withPlaceholders(Object.fromEntries(entries.map(([key, value]) => [key.replace("warren:", ""), value]))),
    "a stack",
  );
}

it("two clusters change places: their order, and the higher priorities", () => {
  const after = configOf(withPlacesChanged(before, configOf(before)));
  expect(after.announcements).toMatchObject({ broker: "heron", beside: "bunny" });
  expect(after.virtualIps["bunny-op"]?.priorities).toEqual({
    ...{ heron1: 150, heron2: 140, heron3: 130, bunny1: 120, bunny2: 110 },
  });
  expect(placesChanged(configOf(before))).toEqual(after);
});

it("a change back restores the original order, and comments stay", () => {
  const there = withPlacesChanged(before, configOf(before));
  const back = withPlacesChanged(there, configOf(there));
  expect(configOf(back).announcements).toMatchObject({ broker: "bunny", beside: "heron" });
  expect(configOf(back).virtualIps["bunny-op"]?.priorities).toMatchObject({ bunny1: 150, bunny2: 140, heron1: 130 });
  expect(back.match(/^ *#.*$/gm)).toEqual(before.match(/^ *#.*$/gm));
});

it("a released cluster keeps its own section, and has no part in the address", () => {
  const there = withPlacesChanged(before, configOf(before));
  const { announcements, brokers, virtualIps } = configOf(withoutBeside(there, configOf(there)));
  expect(announcements.beside).toBeUndefined();
  expect(brokers.bunny).toMatchObject({ members: ["bunny1", "bunny2"] });
  expect(brokers.bunny?.virtualIp).toBeUndefined();
  expect(Object.keys(virtualIps["bunny-op"]?.priorities ?? {})).toEqual(["heron1", "heron2", "heron3"]);
});

it("receivers and bridges that name the old cluster stay there, and are noted", () => {
  const config = configOf(stackText("lab"));
  expect(stayingAt(config, "wxo-b1")).toEqual([
    expect.stringMatching(/^staying on wxo-b1: receiver urls, bridge sr3-posts;/),
  ]);
  expect(stayingAt(config, "bunny")).toEqual([]);
});
