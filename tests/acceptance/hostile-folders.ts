import { afterAll, expect, it } from "vitest";
import { asRoot, quote, render } from "../../infra/commands/command.ts";
import { temporary } from "../../infra/commands/files.ts";
import { accountsName } from "../../infra/model/names.ts";
import { parseObservation } from "../../infra/observe/observation.ts";
import { hostObstacles } from "../../infra/observe/obstacles.ts";
import { observationScript } from "../../infra/observe/script.ts";
import { hostSteps } from "../../infra/resources/host-steps.ts";
import { hostExec } from "../../scripts/lab/index.ts";
import { noteSeconds } from "./figures.ts";
import { labModel } from "./observation.ts";
import { part } from "./one-lab.ts";
import { lab, on, preview, stackTrace, textOf, up } from "./subject.ts";

const puller = "pds-5";
const broker = "bunny2";
const server = "wxo-b1";
const queue = "/apps/px/rxq/pull_urp";
const settings = "/etc/rabbitmq/rabbitmq.config";
const cookie = "/var/lib/rabbitmq/.erlang.cookie";

/**
 * What accounts of services do in their own folders to lead root elsewhere. It doesn't prove that no race is lost ever: each name is
 * swapped as fast as the host can while its step runs some dozens of times. Commands that root ran by these names lost in the first few.
 */
export function hostileFolders(): void {
  part("a folder that somebody else than root can write to", () => {
    let before: readonly string[] = [];
    const hosts = [puller, broker];
    const guarded = () => Promise.all(hosts.map((host) => textOf(host, guard)));

    afterAll(async () => {
      await as(puller, "px", `test ! -e ${queue}.was || { rm -f ${queue}; mv -T ${queue}.was ${queue}; }`);
    });

    it("leads root nowhere: a link in it is named by the preview, and up refuses, with what was found and what to do", async () => {
      before = await guarded();
      const swap = "mv /apps/px/rxq /apps/px/rxq.old; mkdir /apps/px/rxq; ln -s /etc/warren /apps/px/rxq/pull_urp";
      await as(puller, "px", swap);
      const found = `${queue} is a symbolic link to /etc/warren, not a folder`;
      const seen = await preview();
      expect(seen.exitCode, seen.output).toBe(0);
      expect(seen.output).toContain(`warning: ${puller} has drifted: ${accountsName}: ${found}`);
      const tried = await up();
      noteSeconds("up that refuses a link", tried.seconds);
      expect(tried.exitCode, tried.output).not.toBe(0);
      expect(tried.output).toContain(`${puller}: ${found}`);
      expect(tried.output).toContain("Find out who made it, move it away or set it right, then run up again.");
      expect(tried.output).not.toMatch(stackTrace);
      expect(await guarded()).toEqual(before);
      await as(puller, "px", `rm ${queue}; rmdir /apps/px/rxq; mv /apps/px/rxq.old /apps/px/rxq`);
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
      "is looked into without waiting: %s in the place of a folder is told as such, and no step changes it",
      async (kind, make) => {
        await as(puller, "px", `mv -T ${queue} ${queue}.was; ${make}; true`);
        expect(await obstacles(puller)).toEqual(new Map([[accountsName, [`${queue} is ${kind}, not a folder`]]]));
        const shape = await textOf(puller, `stat -c '%F %i %Z' ${queue}`);
        expect(await runStep(puller, accountsName)).not.toBe(0);
        expect(await textOf(puller, `stat -c '%F %i %Z' ${queue}`)).toBe(shape);
        await as(puller, "px", `rm -f ${queue}; mv -T ${queue}.was ${queue}`);
        expect(await guarded()).toEqual(before);
      },
    );

    it("has its files told where they have another name, too", async () => {
      await as(broker, "rabbitmq", `ln -f ${cookie} ${cookie}.too`);
      expect(await obstacles(broker)).toEqual(new Map([[cookie, [`${cookie} has 2 hard links, not one`]]]));
      await as(broker, "rabbitmq", `rm ${cookie}.too`);
    });

    it.each([
      [puller, "px", accountsName, queue, "/etc/warren", 25],
      [puller, "px", accountsName, "/apps/px/rxq", "/etc", 25],
      [broker, "rabbitmq", accountsName, "/etc/rabbitmq/tls", "/root", 25],
      [broker, "rabbitmq", cookie, cookie, "/etc/shadow", 25],
      [broker, "rabbitmq", cookie, temporary(cookie), "/etc/shadow", 25],
      // Erlang judges it each time, which takes a second.
      [broker, "rabbitmq", settings, settings, "/etc/shadow", 2],
    ])(
      "keeps root on its way on %s, whatever %s swaps while %s is made: %s, now and then a link to %s",
      async (host, account, step, path, victim, tries) => {
        const swaps = await race({ host, account, step, at: path, victim, tries });
        expect(swaps).toBeGreaterThan(10);
        expect(await guarded()).toEqual(before);
        expect(await runStep(host, step)).toBe(0);
        expect(await obstacles(host)).toEqual(new Map());
      },
    );

    it("of root's among an account's, as earlier versions made them, becomes the account's", async () => {
      await on(puller, "chown root:root /apps/px/rxq");
      expect(await runStep(puller, accountsName)).toBe(0);
      expect(await textOf(puller, "stat -c %U:%G:%a /apps/px/rxq")).toBe("px:px:755");
    });

    it("on the public data server lets the account that delivers make folders, and take no watched tree away", async () => {
      const root = "/apps/dd/public";
      const said = await textOf(
        server,
        `setpriv --reuid=wxofeed --regid=wxofeed --init-groups sh -c 'mkdir ${root}/new && rmdir ${root}/new && echo made; mv ${root}/citypage_weather ${root}/mine 2>&1 || rmdir ${root}/citypage_weather 2>&1 || true'`,
      );
      expect(said).toMatch(/^made\nmv: .*not permitted\nrmdir: .*(not permitted|not empty)$/);
    });
  });
}

/** All that a wrong owner, mode, content or time would show in: also a change that was taken back. */
const guard =
  "find /etc/warren /etc/shadow /etc/passwd /root /etc/hosts -printf '%p %i %M %u %g %s %T@ %C@\\n' | grep -v '^/root/.*cache' | sort; stat -c '%n %U %a %i' /etc /root; ls -A /etc | sha256sum; sha256sum /etc/shadow";

const as = (host: string, account: string, script: string) =>
  on(host, `setpriv --reuid=${account} --regid=${account} --init-groups sh -c ${quote(script)}`);

async function modelOf(host: string) {
  const model = await labModel();
  const found = model.hosts.find(({ name }) => name === host);
  if (!found) throw new TypeError(`no host ${host}`);
  return { host: found, steps: hostSteps(found, model.clusters) };
}

/** What is in the way of the steps of a host now. */
async function obstacles(name: string): Promise<Map<string, string[]>> {
  const { host } = await modelOf(name);
  const observed = parseObservation(await textOf(name, `cd /root\n${observationScript(host)}`));
  if (!observed) throw new Error(`${name} has given no whole answer`);
  return hostObstacles(host, observed);
}

/** A step's first command as `up` renders it, and what goes to its standard input. */
async function stepOf(host: string, name: string) {
  const step = (await modelOf(host)).steps.find((one) => one.name === name);
  if (!step) throw new TypeError(`no step ${name} on ${host}`);
  return { script: render(asRoot("root", step.timeoutSeconds, step.create)), input: step.stdin?.text ?? "" };
}

/** @returns the exit code */
async function runStep(host: string, name: string): Promise<number> {
  const { script, input } = await stepOf(host, name);
  return (await hostExec(lab, host, ["sh", "-c", script], { input, reject: false, timeoutMs: 60_000 })).exitCode;
}

/** Thousands of times a second, until it is ended; then it says how often. What the step has made meanwhile in the place of the thing goes. */
const swap = `my ($at, $was, $to) = @ARGV; my $swaps = 0; $SIG{TERM} = sub { print $swaps; exit };
while (1) { rename($at, $was) or !-e $at or system("rm", "-rf", $at); symlink($to, $at) and $swaps++; unlink $at; rename($was, $at) }`;

interface Race {
  readonly host: string;
  readonly account: string;
  readonly step: string;
  /** The path that is swapped. */
  readonly at: string;
  /** What a link there points to. */
  readonly victim: string;
  /** How often the step runs. */
  readonly tries: number;
}

/**
 * Runs a step again and again while its path is one moment what it was and the next a link.
 * @returns how often it was swapped
 */
async function race({ host, account, step, at, victim, tries }: Race): Promise<number> {
  const { script, input } = await stepOf(host, step);
  const [was, counted] = [`${at}.was`, "/run/warren-swaps"];
  const swapper = `setpriv --reuid=${account} --regid=${account} --init-groups`;
  const raced = [
    // The shell would drop the line end.
    "input=$(cat; echo .)",
    `${swapper} perl -e ${quote(swap)} ${at} ${was} ${victim} > ${counted} 2>/dev/null & swapper=$!`,
    `for try in $(seq ${tries}); do printf %s "\${input%.}" | ( ${script} ) > /dev/null 2>&1; done`,
    "kill $swapper; wait $swapper",
    // What was left half way.
    `test ! -e ${was} || ${swapper} sh -c ${quote(`rm -rf ${at}; mv -T ${was} ${at}`)}`,
    `test ! -L ${at} || ${swapper} rm ${at}`,
    `cat ${counted}`,
  ].join("\n");
  const { stdout } = await hostExec(lab, host, ["sh", "-c", raced], { input, timeoutMs: 120_000, reject: false });
  return Number(stdout.trim());
}
