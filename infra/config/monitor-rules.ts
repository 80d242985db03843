import type { ConfigIssue } from "../../agents/lib/errors.ts";
import { hostsWith } from "./hosts.ts";
import type { StackConfig } from "./schema.ts";
import { missingSecret } from "./secrets.ts";

/** At most two monitors, which form a pair; a login at the mail server has a password, and one at the live page somebody to check it. */
export function monitorIssues(config: StackConfig): ConfigIssue[] {
  const { hosts, brokers, monitor, secrets } = config;
  const monitors = hostsWith({ hosts }, "monitor");
  const { mailPassword } = secrets.monitor;
  const user = monitor.receivers.mail?.user;
  const path = "secrets.monitor.mailPassword";
  return [
    ...monitors.slice(2).map((host) => ({
      path: `hosts.${host}.roles`,
      message: `expected at most two hosts with the role monitor, which are a pair, got ${monitors.length}`,
    })),
    ...(user !== undefined && mailPassword === undefined ? [{ path, message: missingSecret(path) }] : []),
    ...(user === undefined && mailPassword !== undefined
      ? [{ path, message: "expected a `user` under warren:monitor.receivers.mail, whose password it is" }]
      : []),
    ...(monitors.length > 0 ? pageIssues(config) : []),
    ...(monitor.events && !brokers[monitor.events.broker]
      ? [{ path: "monitor.events.broker", message: `expected the name of a broker, got ${monitor.events.broker}` }]
      : []),
  ];
}

/** The broker whose directory checks logins at the live page: that of the announcements, or the first with `ldap`. */
export function brokerWithDirectory({ brokers, announcements }: StackConfig): string | undefined {
  const names = [announcements.broker, ...Object.keys(brokers)];
  return names.find((name) => brokers[name]?.ldap !== undefined);
}

function pageIssues(config: StackConfig): ConfigIssue[] {
  const { monitor, secrets, brokers, announcements } = config;
  switch (monitor.page?.login) {
    case "password": {
      const isEmpty = Object.keys(secrets.monitor.people ?? {}).length === 0;
      return isEmpty ? [{ path: "secrets.monitor.people", message: missingSecret("secrets.monitor.people.NAME") }] : [];
    }
    case "ldap": {
      const name = brokerWithDirectory(config);
      const because = "because warren:monitor.page has `login: ldap`";
      if (name === undefined)
        return [{ path: `brokers.${announcements.broker}.ldap`, message: `expected a directory, ${because}` }];
      const path = `brokers.${name}.ldap.userDnPattern`;
      return personEntry.test(brokers[name]?.ldap?.userDnPattern ?? "")
        ? []
        : [{ path, message: `expected ATTRIBUTE=\${username},BASE, ${because}` }];
    }
    default:
      return [];
  }
}

/** `uid=${username},ou=People,dc=ca`: the attribute with the name, and the DN below which people are. */
export const personEntry = /^([A-Za-z][\w-]*)=\$\{username\},([^"\\\n]+)$/;
