import { afterAll, beforeAll, expect, it } from "vitest";
import { ownPermissions } from "../../infra/model/permissions.ts";
import { caFile } from "../../infra/model/tls.ts";
import { cutLink, healLink } from "../../scripts/lab/index.ts";
import { poll } from "../../scripts/lib/poll.ts";
import { callBroker } from "./broker.ts";
import { note } from "./figures.ts";
import {
  amqpLogin,
  declareAs,
  type LdapChange,
  type LdapSubject,
  type Login,
  ldapSubject,
  loggedDuring,
  managementStatus,
  restartDirectory,
  withLdap,
} from "./ldap-subject.ts";
import { part } from "./one-lab.ts";
import { lab, on, textOf } from "./subject.ts";

/** A file with another CA than the directory's; on the member, where its sandbox allows the broker to read. */
const otherCaFile = "/etc/warren/tls/other.pem";
const makeOtherCa =
  "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=other -keyout /dev/null " +
  `-out ${otherCaFile} 2> /dev/null && chmod 0644 ${otherCaFile}`;

type Person = "person" | "tagged" | "stranger" | "own";
const wrong = "a password of nobody";
const loginWithinMs = 20_000;

/**
 * Tests who can log in to the broker of the announcements, which checks passwords with LDAP: real logins over AMQP with TLS and at the
 * management API.
 *
 * @param all also tests a faulty LDAP server: wrong certificate, no answer
 */
export function ldap({ all }: { readonly all: boolean }): void {
  part("LDAP", () => {
    let subject: LdapSubject;
    beforeAll(async () => {
      subject = await ldapSubject();
      await on(subject.member.name, makeOtherCa);
    });
    afterAll(() => on(subject.member.name, `rm -f ${otherCaFile}`));

    /** Retries a login that must succeed: the broker's pool may just have lost a connection to the restarted directory. */
    async function expectLogin(what: string, user: Login, wanted: "accepted" | "refused"): Promise<void> {
      let outcome = "";
      const isDone = async () => {
        outcome = await amqpLogin(subject, user);
        return wanted === "refused" || outcome === wanted;
      };
      await poll(isDone, { everyMs: 100, withinMs: loginWithinMs });
      expect(outcome, what).toBe(wanted);
    }

    it("is served by a sandboxed slapd, and slapd and systemd accept their files", async () => {
      await on(subject.server, "slaptest -u -f /etc/ldap/warren.conf && systemd-analyze verify slapd.service");
      const answer = await textOf(subject.server, "systemd-analyze security --no-pager slapd.service");
      expect(Number(/Overall exposure level for .*: ([\d.]+)/.exec(answer)?.[1])).toBeLessThanOrEqual(3);
    });

    it.each<[what: string, kind: Person, password: string | undefined, wanted: "accepted" | "refused"]>([
      ["LDAP user, right password", "person", undefined, "accepted"],
      ["LDAP user, wrong password", "person", wrong, "refused"],
      ["LDAP user, empty password", "person", "", "refused"],
      ["internal user, right password", "own", undefined, "accepted"],
      ["internal user, wrong password", "own", wrong, "refused"],
      ["in the directory, but no user of the broker", "stranger", undefined, "refused"],
    ])("logs in over AMQP: %s", async (what, kind, password, wanted) => {
      const login = subject[kind];
      await expectLogin(what, password === undefined ? login : { ...login, password }, wanted);
    });

    it("lets an LDAP user do what its permissions in the broker allow, and nothing else", async () => {
      const { name } = subject.person;
      const { permissions } = subject.broker.users[name] ?? {};
      const listed = await callBroker<{ user: string }[]>("GET", "permissions");
      expect(listed.find(({ user }) => user === name)).toMatchObject(ownPermissions(permissions ?? "compatible"));
      await expectLogin("LDAP user with permissions", subject.person, "accepted");
      expect(await declareAs(subject, subject.person, `q_${name}.acceptance`)).toBe("allowed");
      expect(await declareAs(subject, subject.person, `other_${name}`)).toBe("refused");
    });

    it("stores no password of an LDAP user, and logs why it refuses a wrong one", async () => {
      const { name } = subject.person;
      expect(await callBroker("GET", `users/${name}`)).toMatchObject({ password_hash: "" });
      await loggedDuring(subject, /LDAP bind returned "?invalid credentials/i, async () => {
        expect(await amqpLogin(subject, { name, password: wrong })).toBe("refused");
      });
    });

    it.each<[what: string, kind: Person, change: LdapChange, wanted: number]>([
      ["management API, LDAP user without tags", "person", {}, 401],
      ["management API, LDAP user with the broker's tag", "tagged", {}, 200],
      ["management API, `tags: {management: true}`", "person", { tags: { management: true } }, 200],
    ])("grants the expected tags: %s", async (_, kind, change, wanted) => {
      const ask = async () => expect(await managementStatus(subject, subject[kind])).toBe(wanted);
      await (Object.keys(change).length === 0 ? ask() : withLdap(subject, change, ask));
    });

    it.each<[what: string, change: LdapChange]>([
      ["StartTLS, verified", { encryption: "starttls" }],
      ["LDAPS, verified", { encryption: "ldaps", port: undefined }],
      ["two servers, the first one unknown", { encryption: "ldaps", servers: ["nobody.invalid"] }],
      ["in the clear, LDAP first: the old text", { encryption: "none", first: "ldap" }],
    ])("accepts the right password and no wrong one: %s", async (what, change) => {
      const servers = [...(change.servers ?? []), subject.server];
      await withLdap(subject, { ...change, servers }, async () => {
        await expectLogin(`${what}: LDAP user`, subject.person, "accepted");
        await expectLogin(`${what}: wrong password`, { ...subject.person, password: wrong }, "refused");
        await expectLogin(`${what}: internal user`, subject.own, "accepted");
      });
    });

    it("uses LDAP for authorization if the config says so", async () => {
      await withLdap(subject, { authorization: "ldap", vhostAccess: { inGroup: subject.group } }, async () => {
        await expectLogin("authorization by LDAP: member of the group", subject.person, "accepted");
        await expectLogin("authorization by LDAP: another", subject.tagged, "refused");
        await expectLogin("authorization by LDAP: internal user", subject.own, "accepted");
      });
    });

    it("still accepts internal users while LDAP is down, refuses LDAP users, logs why, and accepts them again when it is up", async () => {
      await on(subject.server, "systemctl stop slapd");
      try {
        await loggedDuring(subject, /LDAP connect error: .*|ldap_connect_error/, () =>
          expectLogin("LDAP down: LDAP user", subject.person, "refused"),
        );
        await expectLogin("LDAP down: internal user", subject.own, "accepted");
      } finally {
        await on(subject.server, restartDirectory);
      }
      await expectLogin("LDAP up again: LDAP user", subject.person, "accepted");
    });

    if (!all) return;

    it("grants a tag only to a group's members if a query says so", async () => {
      await withLdap(subject, { tags: { administrator: { inGroup: subject.group } } }, async () => {
        expect(await managementStatus(subject, subject.person, "users"), "a member").toBe(200);
        expect(await managementStatus(subject, subject.tagged, "users"), "another").toBe(401);
      });
    });

    it.each<[what: string, change: LdapChange, serverName: string | undefined, logged: RegExp]>([
      ["StartTLS, another's CA", { encryption: "starttls", caFile: otherCaFile }, undefined, /Unknown CA/],
      ["LDAPS, another's CA", { encryption: "ldaps", caFile: otherCaFile }, undefined, /Unknown CA/],
      ["StartTLS, another's name", { encryption: "starttls", caFile }, "elsewhere.invalid", /hostname_check_failed/],
      ["LDAPS, another's name", { encryption: "ldaps", caFile }, "elsewhere.invalid", /hostname_check_failed/],
    ])(
      "refuses LDAP users if the server's certificate is wrong, and logs why: %s",
      async (what, change, serverName, logged) => {
        const work = async () => {
          await loggedDuring(subject, logged, () => expectLogin(`${what}: LDAP user`, subject.person, "refused"));
          await expectLogin(`${what}: internal user`, subject.own, "accepted");
        };
        await withLdap(subject, change, work, serverName);
      },
    );

    it("doesn't keep internal users waiting if the LDAP server doesn't answer", async () => {
      await cutLink(lab, subject.server);
      try {
        const began = performance.now();
        await expectLogin("LDAP's cable cut: internal user", subject.own, "accepted");
        const seconds = (performance.now() - began) / 1000;
        note("LDAP's cable cut: login of an internal user", `${seconds.toFixed(2)} s`, "1 s");
        expect(seconds).toBeLessThan(3);
        await expectLogin("LDAP's cable cut: LDAP user", subject.person, "refused");
      } finally {
        await healLink(lab, subject.server);
      }
      await expectLogin("the cable is back: LDAP user", subject.person, "accepted");
    });
  });
}
