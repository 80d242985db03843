import { expect, it } from "vitest";
import { parse, parseDocument } from "yaml";
import { parseStackConfig } from "../../../infra/config/index.ts";
import { withPlaceholders } from "../../../infra/config/placeholders.ts";
import { upgradeStackText } from "../../../tests/acceptance/upgrade-subject.ts";
import { stackText } from "../../engine/stack-config.ts";
import { namesAt, placesChanged, withoutBeside, withPlacesChanged } from "./stack-file.ts";

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

it("receivers and bridges at the announcements' cluster move with the announcements, and the others stay", () => {
  const stack = parseDocument(before);
  const { config } = parse(stackText("lab")) as { config: Record<string, Record<string, object>> };
  const placed = (section: string, broker: string) =>
    Object.entries(config[`warren:${section}`] ?? {}).map(([name, one]) => [
      name,
      { ...one, broker, hosts: ["pds-1"] },
    ]);
  stack.setIn(["config", "warren:receivers"], Object.fromEntries(placed("receivers", "bunny")));
  stack.setIn(["config", "warren:bridges"], Object.fromEntries(placed("bridges", "bunny")));
  const text = stack.toString();
  expect(namesAt(configOf(text), "bunny")).toEqual(["receiver urls", "bridge sr3-posts"]);
  const there = withPlacesChanged(text, configOf(text));
  expect(namesAt(configOf(there), "heron")).toEqual(["receiver urls", "bridge sr3-posts"]);
  expect(placesChanged(configOf(text))).toEqual(configOf(there));
  // They belong to the other cluster now, so only a move back moves them.
  expect(namesAt(configOf(withPlacesChanged(there, configOf(there))), "bunny")).toHaveLength(2);
});
