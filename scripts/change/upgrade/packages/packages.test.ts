import { describe, expect, it } from "vitest";
import { render } from "../../../../infra/commands/command.ts";
import { fixtureConfig } from "../../../../infra/model/fixture.ts";
import { chainOf } from "../../../inspect/snapshot/chain.ts";
import { type PackageFacts, parseInstalled, parseOffers } from "./facts.ts";
import type { HostUpgrades } from "./find.ts";
import { describe as describeSteps, packageActions, packageHostSteps, unitsOf } from "./host-steps.ts";
import { judgePackages } from "./judge.ts";
import { type PackagesRecord, recordOf, stepsLeft, upgradesOf } from "./record.ts";

/** Output of Debian 12. */
const answer = `Reading package lists...
NOTE: This is only a simulation!
Inst erlang-base [1:25.2.3+dfsg-1+deb12u1] (1:25.2.3+dfsg-1+deb12u4 Debian:12.12/oldstable [amd64]) []
Inst rabbitmq-server [3.10.8-1.1] (3.10.8-1.1+deb12u1 Debian:12.12/oldstable, Debian-Security:12/oldstable-security [all])
Inst erlang-new (1:25.2.3+dfsg-1+deb12u4 Debian:12.12/oldstable [amd64])
Conf rabbitmq-server (3.10.8-1.1+deb12u1 Debian:12.12/oldstable [all])
rabbitmq-server | 3.10.8-1.1+deb12u1 | http://deb.debian.org/debian bookworm/main amd64 Packages
rabbitmq-server | 3.10.8-1.1 | http://deb.debian.org/debian-security bookworm-security/main amd64 Packages
keepalived | 1:2.2.7-1+b2 | http://deb.debian.org/debian bookworm/main amd64 Packages`;

const packages = [
  { name: "rabbitmq-server", series: "3.10.*" },
  { name: "keepalived", series: "1:2.2.*" },
  { name: "nftables" },
];
const facts = (changes: Partial<PackageFacts>): PackageFacts => ({
  ...{ installed: { "rabbitmq-server": "3.10.8-1", keepalived: "1:2.2.7-1" }, steps: [], removed: [], newest: {} },
  ...changes,
});
const rabbit = { name: "rabbitmq-server", from: "3.10.8-1", to: "3.10.8-2" };
const erlang = { name: "erlang-base", from: "1:25.1", to: "1:25.2" };

describe("reading a host's packages", () => {
  it("finds installed packages, and not removed ones", () => {
    const output = "erlang-base 1:25.2 installed\nerlang-doc  not-installed\nkeepalived 1:2.2.7-1 half-configured\n";
    expect(parseInstalled(output)).toEqual({ "erlang-base": "1:25.2" });
  });

  it("finds each upgrade that apt would make, and the newest version of each package", () => {
    expect(parseOffers(answer)).toEqual({
      steps: [
        { name: "erlang-base", from: "1:25.2.3+dfsg-1+deb12u1", to: "1:25.2.3+dfsg-1+deb12u4" },
        { name: "rabbitmq-server", from: "3.10.8-1.1", to: "3.10.8-1.1+deb12u1" },
        { name: "erlang-new", from: undefined, to: "1:25.2.3+dfsg-1+deb12u4" },
      ],
      removed: [],
      newest: { "rabbitmq-server": "3.10.8-1.1+deb12u1", keepalived: "1:2.2.7-1+b2" },
    });
    expect(parseOffers(answer.replace("Conf", "Remv adduser [3.1]\nConf")).removed).toEqual(["adduser"]);
  });
});

describe("judging an upgrade", () => {
  const judge = (changes: Partial<PackageFacts>) => judgePackages("op", "bunny1", packages, facts(changes));

  it("accepts one within the series", () => {
    expect(judge({ steps: [rabbit, erlang] })).toEqual({ steps: [rabbit, erlang], refusals: [], notes: [] });
  });

  it.each([
    ["to another series", { steps: [{ ...rabbit, to: "3.13.1-1" }] }, /not in series 3\.10/],
    ["to another release of Erlang", { steps: [{ ...erlang, to: "1:27.0" }] }, /a release of Erlang/],
    ["that removes a package", { steps: [rabbit], removed: ["adduser"] }, /remove adduser/],
  ])("refuses one %s, with a remedy", (_, changes, reason) => {
    const { refusals } = judge(changes);
    expect(refusals).toMatchObject([{ host: "bunny1", evidence: expect.stringMatching(reason) }]);
  });

  it("notes newer versions that pins exclude", () => {
    const { refusals, notes } = judge({ newest: { "rabbitmq-server": "4.0.5-6", keepalived: "1:2.2.8-1" } });
    expect(refusals).toEqual([]);
    expect(notes).toEqual([expect.stringMatching(/^bunny1: rabbitmq-server 4\.0\.5-6 .*upgrade -s op --to CLUSTER$/)]);
  });
});

describe("the plan of hosts", () => {
  const chain = chainOf("lab4", fixtureConfig("lab4"));

  it("contains only hosts with upgrades, the holder of the virtual IP last", () => {
    const upgrades = { "pds-1": [], bunny2: [rabbit], bunny1: [erlang], "urp-1": [{ name: "inotify-tools", to: "4" }] };
    expect(packageHostSteps(chain, "bunny1", upgrades)).toEqual([
      { host: "urp-1", units: ["warren-announcer.service"], isMember: false },
      { host: "bunny2", units: ["rabbitmq-server.service", "warren-dispatcher.service"], isMember: true },
      { host: "bunny1", units: ["rabbitmq-server.service", "warren-dispatcher.service"], isMember: true },
    ]);
  });

  it("also restarts the broker of a cluster other than the announcements'", () => {
    expect(unitsOf(chain, "wxo-b1", [rabbit])).toEqual(["rabbitmq-server.service"]);
  });
});

describe("the actions on a host", () => {
  const membership = { host: "bunny1", others: ["bunny2", "bunny3"], earlier: [], quorum: true };
  const units = ["rabbitmq-server.service", "warren-dispatcher.service"];
  const all = { host: "bunny1", steps: [rabbit], held: ["rabbitmq-server"], units, left: units, membership };

  it("keep the broker stopped while its packages are installed, behind the gate and with the dispatcher stopped", () => {
    const actions = packageActions(all);
    expect(actions.map(({ title }) => title)).toEqual([
      "stops dispatcher",
      "upgrades rabbitmq-server 3.10.8-1 -> 3.10.8-2",
      "restarts rabbitmq-server",
      "restarts dispatcher",
    ]);
    const script = actions[1] ? render(actions[1].command) : "";
    const order = [
      ...script.matchAll(/info_all|systemctl stop|rabbitmq-server=3\.10\.8-2|apt-mark hold|systemctl start/g),
    ];
    expect([...new Set(order.map(String))]).toEqual([
      ...["info_all", "systemctl stop", "rabbitmq-server=3.10.8-2", "apt-mark hold", "systemctl start"],
    ]);
  });

  it("are only the missing restarts if the packages are already installed", () => {
    const rest = packageActions({ ...all, steps: [], units: [], left: ["warren-dispatcher.service"] });
    expect(rest.map(({ title }) => title)).toEqual(["restarts dispatcher"]);
  });

  it("restart the units of a package that does not restart them itself", () => {
    const announcer = ["warren-announcer.service"];
    const steps = [{ name: "inotify-tools", from: "3", to: "4" }];
    const actions = packageActions({ ...all, steps, held: [], units: announcer, left: announcer });
    const script = actions.map(({ command }) => render(command)).join("\n");
    expect(script).toContain("systemctl restart warren-announcer.service");
    expect(script).not.toContain("rabbitmq");
  });
});

describe("a run that was interrupted", () => {
  const upgradesAt = (
    host: string,
    steps: HostUpgrades["steps"],
    installed: HostUpgrades["installed"],
  ): HostUpgrades => ({
    ...{ host, steps, installed, held: [], membership: undefined },
  });
  const current = [
    upgradesAt("bunny1", [rabbit], { "rabbitmq-server": rabbit.from }),
    upgradesAt("bunny2", [], { "rabbitmq-server": rabbit.to, "erlang-base": erlang.from }),
    upgradesAt("bunny3", [], { "rabbitmq-server": rabbit.to }),
  ];
  const before: PackagesRecord = {
    ...{ startedAt: "2026-01-01T00:00:00.000Z", done: ["bunny3"], movedFrom: "bunny2" },
    begun: { host: "bunny2", before: {} },
    turns: [],
    upgrades: { bunny1: [rabbit], bunny2: [rabbit, erlang], bunny3: [rabbit] },
  };
  const turn = (host: string) => ({ host, units: [], isMember: true });

  it("continues with the host in the middle of its turn first, and with the missing packages", () => {
    const upgrades = upgradesOf(current, before);
    expect(upgrades).toEqual(before.upgrades);
    const record = recordOf(["bunny3", "bunny1", "bunny2"].map(turn), upgrades, current, before, new Date());
    expect(record.turns.map(({ host }) => host)).toEqual(["bunny3", "bunny2", "bunny1"]);
    expect(record).toMatchObject({ startedAt: before.startedAt, done: ["bunny3"], movedFrom: "bunny2" });
    expect(stepsLeft(upgrades.bunny2 ?? [], current[1] ?? { installed: {} })).toEqual([erlang]);
  });

  it("takes up a finished host again if it has new upgrades", () => {
    const newer = current.map((one) => (one.host === "bunny3" ? { ...one, steps: [erlang] } : one));
    const upgrades = upgradesOf(newer, before);
    expect(upgrades.bunny3).toEqual([erlang]);
    expect(recordOf([], upgrades, newer, before, new Date()).done).toEqual([]);
  });
});

it("packages with the same versions are listed together", () => {
  const more = { ...erlang, name: "erlang-ssl" };
  expect(describeSteps([erlang, rabbit, more])).toBe(
    "erlang-base and 1 more 1:25.1 -> 1:25.2, rabbitmq-server 3.10.8-1 -> 3.10.8-2",
  );
});
