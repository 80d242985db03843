import { readFileSync } from "node:fs";
import { join } from "node:path";
import stripJsonComments from "strip-json-comments";
import { expect, test } from "vitest";
import { configSchema } from "../../agents/monitor/config.ts";
import { mapShape } from "../../agents/monitor/map-shape.ts";
import { fixtureConfig, fixtureModel } from "./fixture.ts";

const file = "/etc/warren/monitor.json";

/** The config files of all live pages of a stack, by host. */
const pages = (config = fixtureConfig()) =>
  fixtureModel(config).hosts.flatMap(({ name, files }) =>
    files.flatMap(({ path, content }) =>
      path === file ? [{ name, page: configSchema.parse(JSON.parse(content)) }] : [],
    ),
  );

test("a monitor has the live page on loopback, which asks Prometheus, Alertmanager and the auditor on its host", () => {
  expect(pages()).toMatchObject([
    {
      name: "px-1",
      page: {
        page: { address: "127.0.0.1", port: 9180 },
        ...{ prometheusUrl: "http://127.0.0.1:9090", alertmanagerUrl: "http://127.0.0.1:9093" },
        ...{ auditorUrl: "http://127.0.0.1:9108", metrics: { address: "127.0.0.1", port: 9109 } },
      },
    },
  ]);
});

test("the lab's map is that of the agent's example, from the stack", () => {
  const example = readFileSync(join(import.meta.dirname, "../../agents/monitor/example.json"), "utf8");
  const { map } = configSchema.parse(JSON.parse(stripJsonComments(example)));
  const [{ page } = { page: undefined }] = pages();
  expect(page?.map.radar).toMatchObject({
    ...map.radar,
    servers: [{ host: "urp-1", sources: ["urp-1.cmc.ec.gc.ca", "urp-1"] }, { host: "urp-2" }],
  });
  expect(page?.map.publicServers).toMatchObject(map.publicServers);
  expect(page && mapShape(page.map).map(({ title }) => title)).toEqual(["Radar products", "Public data"]);
});

test("a stack without a monitor has no page, and nothing of it on any host", () => {
  const config = fixtureConfig();
  const hosts = Object.fromEntries(
    Object.entries(config.hosts).map(([name, host]) => [
      name,
      { ...host, roles: host.roles.filter((role) => role !== "monitor") },
    ]),
  );
  const without = fixtureModel({ ...config, hosts });
  expect(JSON.stringify(without)).not.toMatch(/warren-monitor|monitor\.mjs|monitor\.json/);
});
