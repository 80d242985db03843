import { expect, it } from "vitest";
import { fixtureConfig } from "../../infra/model/fixture.ts";
import { matchersOf, type PlannedWork, silenceTickets } from "./silences.ts";

const lab = fixtureConfig("lab");
const monitored = (...names: readonly string[]) => {
  const hosts = Object.entries(lab.hosts).map(([name, host]) => [
    name,
    {
      ...host,
      roles: [...host.roles.filter((role) => role !== "monitor"), ...(names.includes(name) ? ["monitor"] : [])],
    },
  ]);
  return { ...lab, hosts: Object.fromEntries(hosts) } as typeof lab;
};

/** Monitors that record what they are asked; those in `dead` refuse. */
function rig(config: typeof lab, dead: readonly string[] = []) {
  const asked: string[] = [];
  const said: string[] = [];
  const open = async <T>(
    _: PlannedWork,
    monitor: string,
    use: (ask: (method: string, path: string, body?: object) => Promise<string>) => Promise<T>,
  ): Promise<T> => {
    if (dead.includes(monitor)) throw new Error("connection refused");
    return use(async (method, path) => {
      asked.push(`${monitor} ${method} ${path}`);
      return '{"silenceID":"a-1"}';
    });
  };
  const work: PlannedWork = {
    stack: "lab",
    config,
    hosts: ["bunny1", "bunny2"],
    verb: "restart",
    say: (text) => void said.push(text),
  };
  return { asked, said, dead, silence: () => silenceTickets(work, open as Parameters<typeof silenceTickets>[1]) };
}

it("silences tickets of the hosts, and those without a host; never a page", () => {
  const [severity, host] = matchersOf(["bunny1", "bunny2"]);
  expect(severity).toMatchObject({ name: "severity", value: "ticket", isRegex: false });
  const matches = new RegExp(`^(?:${host?.value})$`);
  expect(["bunny1", "bunny2", "", "bunny3"].map((name) => matches.test(name))).toEqual([true, true, true, false]);
});

it("is set at one of two monitors, and ended there", async () => {
  const { asked, said, silence } = rig(monitored("px-1", "client-1"));
  const end = await silence();
  await end();
  expect(asked).toEqual(["px-1 POST /api/v2/silences", "px-1 DELETE /api/v2/silence/a-1"]);
  expect(said).toEqual([]);
});

it("is set at the second monitor if the first does not answer", async () => {
  const { asked, said, silence } = rig(monitored("px-1", "client-1"), ["px-1"]);
  await (await silence())();
  expect(asked).toEqual(["client-1 POST /api/v2/silences", "client-1 DELETE /api/v2/silence/a-1"]);
  expect(said).toEqual([expect.stringContaining("can't silence tickets at px-1: connection refused")]);
});

it("is nothing where there is no monitor, and a line where none answers: the work continues", async () => {
  const none = rig(monitored());
  await (await none.silence())();
  expect([none.asked, none.said]).toEqual([[], []]);
  const dead = rig(monitored("px-1"), ["px-1"]);
  await (await dead.silence())();
  expect(dead.said).toHaveLength(1);
});

it("reports that it can't be ended, and when it ends by itself", async () => {
  const dead: string[] = [];
  const { said, silence } = rig(monitored("px-1"), dead);
  const end = await silence();
  dead.push("px-1");
  await end();
  expect(said).toEqual([expect.stringMatching(/can't end the silence.*ends by itself at \d{4}-/)]);
});
