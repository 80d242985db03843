import { request } from "node:https";
import { expect, it } from "vitest";
import { hostsWith } from "../../infra/config/hosts.ts";
import { type LdapSubject, type Login, ldapSubject } from "./ldap-subject.ts";
import { part } from "./one-lab.ts";
import { stackConfig, textOf } from "./subject.ts";

const answerWithinMs = 15_000;

/** Who may see the live page on the lab's monitor from another host. Needs a directory and a monitor. */
export function pageLogin(): void {
  part("the live page", () => {
    it("is seen over TLS by the people of the stack, and by nobody else", async () => {
      const subject = await ldapSubject();
      for (const login of [subject.person, subject.tagged]) expect(await pageStatus(subject, login)).toBe(200);
      const wrong = { ...subject.person, password: "a password of nobody" };
      for (const login of [undefined, wrong, subject.stranger, subject.own]) {
        expect(await pageStatus(subject, login)).toBe(401);
      }
    });

    it("is behind an Apache with a sandbox", async () => {
      const [monitor = ""] = hostsWith(await stackConfig(), "monitor");
      const answer = await textOf(monitor, "systemd-analyze security --no-pager warren-page.service");
      expect(Number(/Overall exposure level for .*: ([\d.]+)/.exec(answer)?.[1])).toBeLessThanOrEqual(3);
    });
  });
}

/** @returns the status of the answer @throws what a connection fails with */
async function pageStatus({ ca }: LdapSubject, login?: Login): Promise<number | undefined> {
  const config = await stackConfig();
  const [monitor = ""] = hostsWith(config, "monitor");
  const options = {
    ...{ host: config.hosts[monitor]?.address, servername: monitor, port: config.monitor.page?.port },
    ...{ path: "/view", ca, timeout: answerWithinMs },
    ...(login ? { auth: `${login.name}:${login.password}` } : {}),
  };
  return new Promise((resolve, reject) => {
    request(options, (answer) => {
      answer.resume().on("end", () => resolve(answer.statusCode));
    })
      .on("error", reject)
      .end();
  });
}
