import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import type { Evidence } from "../snapshot/evidence.ts";
import { formerHealth } from "../snapshot/former-health.ts";
import { verify } from "./judge.ts";

// Recorded by `./warren verify -s lab4 --evidence FILE` during `./warren chaos`, with its own report of the same moment beside each. The agents of that time
// had no version in their health.
const recorded = (file: string) => readFileSync(new URL(`./recorded/${file}.json`, import.meta.url), "utf8");

it.each([
  ["parted", "bunny3", "members are together", "bunny1 says that rabbit@bunny3 is partitioned from rabbit@bunny2"],
  ["rebooting", "bunny1", "broker runs", "connect ECONNREFUSED 10.203.4.21:15671"],
  ["moved", "bunny1", "virtual IP on its preferred host", "the virtual IP is on bunny2, not on bunny1"],
])("names the first broken link of a recorded lab: %s", (file, host, step) => {
  const read = (key: string, value: unknown) => (key === "health" ? formerHealth(value) : value);
  const evidence = { ...JSON.parse(recorded(file), read), chain: JSON.parse(recorded("chain")) } as Evidence;
  const found = verify(evidence, { productAgeSeconds: 300 });
  expect(found.firstBroken).toMatchObject({ host, step });
});
