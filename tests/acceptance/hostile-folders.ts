import { afterAll, beforeAll, expect, it } from "vitest";
import { asRoot, quote, render } from "../../infra/commands/command.ts";
import { temporary } from "../../infra/commands/files.ts";
import { fixtureArtifacts } from "../../infra/model/fixture.ts";
import { buildModel } from "../../infra/model/index.ts";
import { accountsName } from "../../infra/model/names.ts";
import type { EnvironmentModel } from "../../infra/model/types.ts";
import { parseObservation } from "../../infra/observe/observation.ts";
import { hostObstacles } from "../../infra/observe/obstacles.ts";
import { observationScript } from "../../infra/observe/script.ts";
import { hostSteps } from "../../infra/resources/host-steps.ts";
import { hostExec } from "../../scripts/lab/index.ts";
import { part } from "./one-lab.ts";
import { lab, on, stackConfig, textOf } from "./subject.ts";

const puller = "pds-5";
const broker = "bunny2";
const server = "wxo-b1";
const queue = "/apps/px/rxq/pull_urp";
const settings = "/etc/rabbitmq/rabbitmq.config";
const cookie = "/var/lib/rabbitmq/.erlang.cookie";

/**
 * Service accounts try to redirect root by swapping names in their own folders. It doesn't prove that root never loses a race: each name is
 * swapped as fast as the host can while its step runs some dozens of times. Commands that used plain path names lost within the first few.
 * `troubledUp` tests that `up` refuses such a link.
 */
export function hostileFolders(): void {
  part("a folder that another user than root can write to", () => {
    let model: EnvironmentModel;
    let before: readonly string[];
    const guarded = () => Promise.all([puller, broker].map(guardOf));

    beforeAll(async () => {
      model = buildModel(lab, await stackConfig(), fixtureArtifacts);
      before = await guarded();
    });
    afterAll(async () => {
      await as(puller, "px", `test ! -e ${queue}.was || { rm -f ${queue}; mv -T ${queue}.was ${queue}; }`);
    });

    it.each([
      ["a symbolic link to /root", `ln -s /root ${queue}`],
      ["a FIFO", `mkfifo ${queue}`],
      ["a file", `: > ${queue}`],
      [
        "a socket",
        `/opt/warren/node/bin/node -e 'require("net").createServer().listen("${queue}", () => process.exit())'`,
      ],
    ])(
      "is inspected without blocking: %s in place of a folder is reported, and no step changes it",
      async (kind, make) => {
        await as(puller, "px", `mv -T ${queue} ${queue}.was; ${make}; true`);
        expect(await obstacles(model, puller)).toEqual(
          new Map([[accountsName, [`${queue} is ${kind}, not a folder`]]]),
        );
        const shape = await textOf(puller, `stat -c '%F %i %Z' ${queue}`);
        expect(await runStep(model, puller, accountsName)).not.toBe(0);
        expect(await textOf(puller, `stat -c '%F %i %Z' ${queue}`)).toBe(shape);
        await as(puller, "px", `rm -f ${queue}; mv -T ${queue}.was ${queue}`);
        expect(await guarded()).toEqual(before);
      },
    );

    it("has a file reported if the file has a second hard link", async () => {
      await as(broker, "rabbitmq", `ln -f ${cookie} ${cookie}.too`);
      expect(await obstacles(model, broker)).toEqual(new Map([[cookie, [`${cookie} has 2 hard links, not one`]]]));
      await as(broker, "rabbitmq", `rm ${cookie}.too`);
    });

    it("can't redirect root: an account swaps it for a link while a step makes it", async () => {
      const races: readonly Race[] = [
        { host: puller, account: "px", step: accountsName, at: queue, victim: "/etc/warren", tries: 25 },
        { host: puller, account: "px", step: accountsName, at: "/apps/px/rxq", victim: "/etc", tries: 25 },
        { host: broker, account: "rabbitmq", step: accountsName, at: "/etc/rabbitmq/tls", victim: "/root", tries: 25 },
        { host: broker, account: "rabbitmq", step: cookie, at: cookie, victim: "/etc/shadow", tries: 25 },
        { host: broker, account: "rabbitmq", step: cookie, at: temporary(cookie), victim: "/etc/shadow", tries: 25 },
        // Erlang validates it each time, which takes a second.
        { host: broker, account: "rabbitmq", step: settings, at: settings, victim: "/etc/shadow", tries: 2 },
      ];
      const ofHosts = [...Map.groupBy(races, ({ host }) => host).values()].map(async (ofHost) => {
        for (const race of ofHost) {
          expect(await swapsDuring(model, race), race.at).toBeGreaterThan(10);
          expect(await runStep(model, race.host, race.step), race.at).toBe(0);
        }
      });
      await Promise.all(ofHosts);
      expect(await guarded()).toEqual(before);
      for (const host of [puller, broker]) expect(await obstacles(model, host)).toEqual(new Map());
    });

    it("that earlier versions made as root among an account's folders becomes the account's", async () => {
      await on(puller, "chown root:root /apps/px/rxq");
      expect(await runStep(model, puller, accountsName)).toBe(0);
      expect(await textOf(puller, "stat -c %U:%G:%a /apps/px/rxq")).toBe("px:px:755");
    });

    it("on the public data server: the delivering account can make folders, but not move or remove a watched tree", async () => {
      const root = "/apps/dd/public";
      const make = `mkdir ${root}/new && rmdir ${root}/new && echo made`;
      const take = `mv ${root}/citypage_weather ${root}/mine 2>&1 || rmdir ${root}/citypage_weather 2>&1 || true`;
      const output = (await as(server, "wxofeed", `${make}; ${take}`)).stdout.trim();
      expect(output).toMatch(/^made\nmv: .*not permitted\nrmdir: .*(not permitted|not empty)$/);
    });
  });
}

/** Owners, modes, contents and times of root's files: shows every change, even one that was undone. */
export const guardOf = (host: string): Promise<string> =>
  textOf(
    host,
    "find /etc/warren /etc/shadow /etc/passwd /root /etc/hosts -printf '%p %i %M %u %g %s %T@ %C@\\n' | grep -v '^/root/.*cache' | sort; stat -c '%n %U %a %i' /etc /root; ls -A /etc | sha256sum; sha256sum /etc/shadow",
  );

/** A shell command on a host, as one of its accounts. */
export const as = (host: string, account: string, script: string) =>
  on(host, `setpriv --reuid=${account} --regid=${account} --init-groups sh -c ${quote(script)}`);

function hostModel(model: EnvironmentModel, name: string) {
  const host = model.hosts.find((one) => one.name === name);
  if (!host) throw new TypeError(`no host ${name}`);
  return host;
}

/** The obstacles to a host's steps at this moment. */
async function obstacles(model: EnvironmentModel, name: string): Promise<Map<string, string[]>> {
  const host = hostModel(model, name);
  const observed = parseObservation(await textOf(name, `cd /root\n${observationScript(host)}`));
  if (!observed) throw new Error(`${name}: the answer is incomplete`);
  return hostObstacles(host, observed);
}

/** A step's first command as `up` renders it, and its standard input. */
function stepOf(model: EnvironmentModel, host: string, name: string) {
  const step = hostSteps(hostModel(model, host), model.clusters).find((one) => one.name === name);
  if (!step) throw new TypeError(`no step ${name} on ${host}`);
  return { script: render(asRoot("root", step.timeoutSeconds, step.create)), input: step.stdin?.text ?? "" };
}

/** @returns the exit code */
async function runStep(model: EnvironmentModel, host: string, name: string): Promise<number> {
  const { script, input } = stepOf(model, host, name);
  return (await hostExec(lab, host, ["sh", "-c", script], { input, reject: false, timeoutMs: 60_000 })).exitCode;
}

/** Swaps thousands of times a second until SIGTERM, then prints the count. Removes whatever the step has made at the path in between. */
const swap = `my ($at, $was, $to) = @ARGV; my $swaps = 0; $SIG{TERM} = sub { print $swaps; exit };
while (1) { rename($at, $was) or !-e $at or system("rm", "-rf", $at); symlink($to, $at) and $swaps++; unlink $at; rename($was, $at) }`;

interface Race {
  readonly host: string;
  readonly account: string;
  readonly step: string;
  /** The path to swap. */
  readonly at: string;
  /** The target of the link there. */
  readonly victim: string;
  /** How often the step runs. */
  readonly tries: number;
}

/**
 * Runs a step repeatedly while its path alternates between the original and a link.
 * @returns the number of swaps
 */
async function swapsDuring(model: EnvironmentModel, { host, account, step, at, victim, tries }: Race): Promise<number> {
  const { script, input } = stepOf(model, host, step);
  const [was, counted] = [`${at}.was`, "/run/warren-swaps"];
  const swapper = `setpriv --reuid=${account} --regid=${account} --init-groups`;
  const raced = [
    // The shell would drop the line end.
    "input=$(cat; echo .)",
    `${swapper} perl -e ${quote(swap)} ${at} ${was} ${victim} > ${counted} 2>/dev/null & swapper=$!`,
    `for try in $(seq ${tries}); do printf %s "\${input%.}" | ( ${script} ) > /dev/null 2>&1; done`,
    "kill $swapper; wait $swapper",
    // Restores the original if the swap was interrupted.
    `test ! -e ${was} || ${swapper} sh -c ${quote(`rm -rf ${at}; mv -T ${was} ${at}`)}`,
    `test ! -L ${at} || ${swapper} rm ${at}`,
    `cat ${counted}`,
  ].join("\n");
  const { stdout } = await hostExec(lab, host, ["sh", "-c", raced], { input, timeoutMs: 120_000, reject: false });
  return Number(stdout.trim());
}
