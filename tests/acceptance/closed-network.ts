import { execFileSync } from "node:child_process";
import { createReadStream, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { needRecord } from "../../scripts/lab/registry.ts";
import { gatewayOf } from "../../scripts/lab/spec.ts";
import { hostRoot } from "../../scripts/lab/ssh.ts";
import { endAgent, fillArchive, newKey } from "../rigs/apt-archive.ts";
import { part } from "./one-lab.ts";
import { withChangedStack } from "./stack-file.ts";
import { expectNothingToChange, lab, on, stackConfig, textOf, up } from "./subject.ts";

const host = "urp-1";
const name = "inotify-tools";
/** Names that nobody resolves: only the proxy knows them. */
const [mirror, site] = ["http://mirror.example.org", "http://site.example.org"];

/** A host without a way out. Its packages come through a proxy from a mirror and from one more source, which are signed by the site. */
export function closedNetwork(): void {
  part("a host with a proxy, a mirror and a signed source", () => {
    it("gets a missing package from there, and from nowhere else", async () => {
      const folder = mkdtempSync(join(tmpdir(), "warren-site-"));
      const [archive, owner] = [join(folder, "archive"), join(folder, "owner")];
      const asked: string[] = [];
      // A client of a proxy asks for the complete URL.
      const proxy = createServer(({ url = "" }, response) => {
        asked.push(url);
        const file = createReadStream(join(archive, /(dists|pool)\/.*/.exec(new URL(url).pathname)?.[0] ?? "none"));
        file.on("error", () => response.writeHead(404).end()).pipe(response);
      });
      try {
        const key = newKey(owner);
        const release = (await stackConfig()).hosts[host]?.release ?? "";
        const deb = await newerPackage(folder);
        fillArchive({
          archive,
          owner,
          deb,
          suites: ["", "-updates", "-security"].map((suite) => `${release}${suite}`),
        });
        const { index } = await needRecord(lab);
        await new Promise<void>((resolve) => proxy.listen(0, gatewayOf(index), resolve));
        const apt = {
          proxy: `http://${gatewayOf(index)}:${(proxy.address() as AddressInfo).port}`,
          mirror: { url: mirror, securityUrl: mirror, key },
          sources: { site: { url: site, key } },
        };
        const before = await textOf(host, `dpkg-query -W ${name}`);
        await on(host, `dpkg --remove --force-depends ${name}`);
        await withChangedStack(
          (stack) => stack.setIn(["config", "warren:hosts", host, "apt"], apt),
          async () => {
            const done = await up();
            expect(done.exitCode, done.output).toBe(0);
            await expectNothingToChange();
          },
        );
        expect(await textOf(host, `dpkg-query -W ${name}`)).toBe(`${before}+site`);
        expect(asked).toEqual(expect.arrayContaining([mirror, site].map((url) => `${url}/dists/${release}/InRelease`)));
        expect(asked.filter((url) => !url.startsWith(`${mirror}/`) && !url.startsWith(`${site}/`))).toEqual([]);
      } finally {
        proxy.close();
        endAgent(owner);
        rmSync(folder, { recursive: true, force: true });
      }
      const back = await up();
      expect(back.exitCode, back.output).toBe(0);
      expect(await textOf(host, "ls /etc/apt/sources.list.d /etc/apt/apt.conf.d")).not.toContain("warren");
    });
  });
}

/** The package as the host has it, with a higher version. */
async function newerPackage(folder: string): Promise<string> {
  const deb = join(folder, `${name}.deb`);
  await on(
    host,
    `cd /root && apt-get download ${name} && dpkg-deb --raw-extract ${name}_*.deb site && rm ${name}_*.deb`,
  );
  await on(host, "sed -i '/^Version:/s/$/+site/' /root/site/DEBIAN/control");
  await on(host, "dpkg-deb --build /root/site /root/site.deb && rm -r /root/site");
  execFileSync("mv", [join(await hostRoot(lab, host), "root/site.deb"), deb]);
  return deb;
}
