import { expect, it } from "vitest";
import type { StackConfig } from "../../infra/config/index.ts";
import type { PackageStep } from "../../scripts/change/upgrade/packages/facts.ts";
import { virtualIpHolders } from "../../scripts/lab/virtual-ip.ts";
import { note } from "./figures.ts";
import { answerOf, expectAllOnce, type Flow, killHalfWay, whileFlowing } from "./flowing.ts";
import { part } from "./one-lab.ts";
import { expectNothingToChange, lab, on, stackConfig, textOf, warren } from "./subject.ts";

const upgradeWithinMs = 900_000;
const testWithinMs = 1_200_000;
/** A version suffix that is higher in each run. */
const newer = `+newer${Math.floor(Date.now() / 1000)}`;
/** A version of a series that doesn't exist. */
const otherSeries = "99.0-1";
const folder = "/srv/newer";
const source = "/etc/apt/sources.list.d/newer.list";
const pins = "/etc/apt/preferences.d/warren";

/**
 * `./warren upgrade` within the packages' series, run as a person runs it, while products flow. The newer package is the same one with a higher
 * version, from an archive on each broker's host. Doesn't prove that a newer RabbitMQ is compatible with an older one.
 */
export function packagesUpgraded({ mayDeliverTwice = false, perSecond }: Flow = {}): void {
  part("newer packages of the same series", () => {
    it("are searched for, and there are none", async () => {
      const { exitCode, output } = await warren(["upgrade", "-s", lab, "--yes"]);
      expect([exitCode, output]).toEqual([0, expect.stringContaining("nothing to upgrade")]);
    });

    it("are installed host by host, killed half way: nothing is lost, nothing is dispatched twice", {
      timeout: testWithinMs,
    }, async () => {
      const members = membersOf(await stackConfig());
      const [holder = ""] = await virtualIpHolders(lab, await stackConfig());
      await Promise.all(members.map(offerNewer));
      const plan = await warren(["upgrade", "-s", lab, "--dry-run"]);
      expect([plan.exitCode, plan.output]).toEqual([0, expect.stringContaining(newer)]);
      expect(plan.output).toContain(`rabbitmq-server ${otherSeries} is available, in another series`);
      let turns: { host: string; outcome: string; packages: PackageStep[]; seconds?: number }[] = [];
      const act = async () => {
        await killHalfWay(["upgrade"], upgradeWithinMs, (output) => output.includes("  upgrades "));
        const { answer, stderr } = await answerOf<{ turns: typeof turns }>(["upgrade"], upgradeWithinMs);
        expect(stderr).toContain("continues the upgrade of");
        ({ turns } = answer);
      };
      const account = await whileFlowing([{ name: "upgrade", act }], testWithinMs, perSecond);
      expect(turns.map(({ host }) => host).toSorted()).toEqual(members.toSorted());
      expect(turns.map(({ outcome }) => outcome)).toEqual(turns.map(() => "upgraded"));
      expect(turns.at(-1)?.host).toBe(holder);
      const versions = (await Promise.all(members.map(versionsOn))).flat();
      expect(versions.filter((version) => !version.endsWith(newer))).toEqual([]);
      const held = await Promise.all(members.map((host) => textOf(host, "apt-mark showhold")));
      expect(held).toEqual(members.map(() => "keepalived\nrabbitmq-server"));
      note(
        "packages of the brokers upgraded host by host",
        `${Math.round(turns.reduce((sum, { seconds = 0 }) => sum + seconds, 0))} s`,
      );
      expectAllOnce(account, { mayDeliverTwice });
    });

    it("leave nothing to do for up or a second upgrade", async () => {
      await expectNothingToChange();
      const again = await warren(["upgrade", "-s", lab, "--yes"]);
      expect([again.exitCode, again.output]).toEqual([0, expect.stringContaining("nothing to upgrade")]);
    });

    it("are refused if they are of another series, with the reason and the command for that", async () => {
      const [host = ""] = membersOf(await stackConfig());
      await on(host, `mv ${pins} /srv/`);
      try {
        const { exitCode, output } = await warren(["upgrade", "-s", lab, "--yes"]);
        expect(exitCode, output).toBe(2);
        expect(output).toMatch(new RegExp(`${host}: apt would upgrade rabbitmq-server from \\S+ to ${otherSeries}`));
        expect(output).toContain(`./warren upgrade -s ${lab} --to CLUSTER`);
      } finally {
        await on(host, `mv /srv/warren ${pins}; rm -f ${source}`);
      }
    });
  });
}

const membersOf = ({ announcements, brokers }: StackConfig): string[] => [
  ...(brokers[announcements.broker]?.members ?? []),
];

const versionsOn = async (host: string): Promise<string[]> =>
  // biome-ignore lint/suspicious/noTemplateCurlyInString: dpkg's own
  (await textOf(host, "dpkg-query --show --showformat='${Version}\\n' keepalived rabbitmq-server")).split("\n");

/** Makes an archive on the host: the same packages with newer versions, and a RabbitMQ of another series that is only listed. */
const offerNewer = (host: string) =>
  on(
    host,
    `set -e
     rm -rf ${folder}; mkdir -p ${folder}; cd ${folder}
     for name in keepalived rabbitmq-server; do
       ls /var/cache/apt/archives/$name""_*.deb > /dev/null 2>&1 || (cd /var/cache/apt/archives && apt-get -q download $name)
       dpkg-deb --raw-extract /var/cache/apt/archives/$name""_*.deb tree
       sed -i 's/^Version: .*/&${newer}/' tree/DEBIAN/control
       dpkg-deb -Zgzip -z1 --build tree $name.deb
       rm -r tree
       { dpkg-deb --field $name.deb
         echo "Filename: ./$name.deb"
         echo "Size: $(stat --format=%s $name.deb)"
         echo "SHA256: $(sha256sum $name.deb | cut -d ' ' -f 1)"
         echo; } > $name.entry
     done
     sed 's/^Version: .*/Version: ${otherSeries}/' rabbitmq-server.entry > other.entry
     cat *.entry > Packages
     echo 'deb [trusted=yes] file:${folder} ./' > ${source}`,
  );
