import { expect, test } from "vitest";
import { committedStacks } from "../engine/stack.ts";
import { parseCommittedConfig, stackText } from "../engine/stack-config.ts";
import { rehearsalText } from "./rehearsal.ts";

const salt = "v1:AAAA:v1:BBBB:CCCC";
const rehearse = (text: string, former?: string) => rehearsalText(text, { name: "trial", index: 9, salt, former });
const configOf = (text: string) => parseCommittedConfig(Buffer.from(text), "trial", "stack trial");

test.each(committedStacks())("stack %s can be rehearsed: it is complete, and every address is the lab's", (stack) => {
  const text = rehearse(stackText(stack));
  const { hosts, virtualIps } = configOf(text);
  for (const { address } of [...Object.values(hosts), ...Object.values(virtualIps)])
    expect(address).toMatch(/^10\.203\.9\.\d+$/);
  const foreign = [...text.matchAll(/\b\d{1,3}(?:\.\d{1,3}){3}\b/g)].map(([address]) => address);
  expect(foreign.filter((address) => !/^(10\.203\.9\.|0\.0\.0\.0$|127\.)/.test(address))).toEqual([]);
});

const own = `
config:
  warren:base: announcement-system
  warren:ssh: { user: ops, privateKeyFile: keys/op, port: 2222 }
  warren:hosts:
    urp-1: { address: 192.0.2.1, roles: [urp] }
    bunny1: { address: 192.0.2.11, roles: [bunny], ssh: { via: urp-1 } }
    bunny2: { address: 192.0.2.12, roles: [bunny] }
    pds-1: { address: 192.0.2.21, roles: [pds] }
    dd-1: { address: 192.0.2.31, roles: [dd] }
    px-1: { address: 192.0.2.41, roles: [px] }
  warren:brokers:
    bunny:
      management: { from: [192.0.2.0/24] }
      virtualIp: bunny-op
      ldap: { servers: [ldap.example.org], userDnPattern: "uid=\${username},ou=Staff,dc=example,dc=org", caFile: /etc/ca.pem }
      users: { michel: { ldap: true }, noc: {} }
    dd-1: { members: [dd-1], series: "3.10" }
  warren:virtualIps:
    bunny-op: { address: 192.0.2.10, interface: bond0, routerId: 7, prefixLength: 24, priorities: { bunny1: 150, bunny2: 100 } }
  warren:announcements: { allowedHosts: ["192.0.2.1:8080", urp-9.example.org] }
  warren:datamart:
    broker: dd-1
    delivery: { senders: { all: { rules: [{ accept: . }] } } }
  warren:tls: { caCertificateFile: keys/ca.pem, caKeyFile: keys/ca.key, days: 90 }
`;

test("what is outside the stack becomes a host: a directory with the brokers' people, and a subscriber", () => {
  const { hosts, brokers, directory, secrets, tls } = configOf(rehearse(own));
  expect(hosts["ldap-1"]?.roles).toEqual(["ldap"]);
  expect(hosts["client-1"]?.roles).toEqual(["client"]);
  expect(brokers.bunny?.ldap).toMatchObject({ servers: ["ldap-1"] });
  expect(brokers.bunny?.ldap?.caFile).toBeUndefined();
  expect(directory?.peopleDn).toBe("ou=Staff,dc=example,dc=org");
  expect(Object.keys(secrets.directory)).toEqual(["michel"]);
  expect(tls).toMatchObject({ days: 90 });
  expect(tls.caKeyFile).toBeUndefined();
});

test("settings stay, addresses inside them move with their hosts, and logins are the lab's", () => {
  const { ssh, brokers, virtualIps, announcements, hosts } = configOf(rehearse(own));
  expect(ssh).toMatchObject({ user: "root", port: 22, privateKeyFile: ".warren/labs/trial/id_ed25519" });
  expect(hosts.bunny1?.ssh).toEqual({});
  expect(brokers.bunny).toMatchObject({ members: ["bunny1", "bunny2"], management: { from: ["10.203.9.0/24"] } });
  expect(virtualIps["bunny-op"]).toMatchObject({ address: "10.203.9.201", interface: "eth0", routerId: 7 });
  expect(announcements.allowedHosts).toEqual(["10.203.9.11:8080", "urp-9.example.org"]);
});

test("secrets are generated once: a second run keeps them, and generates what is new", () => {
  const first = rehearse(own);
  expect(rehearse(own, first)).toBe(first);
  const more = rehearse(own.replace("noc: {}", "noc: {}, ops: {}"), first);
  const { passwords, deliveryKey } = configOf(more).secrets;
  expect(passwords).toMatchObject(configOf(first).secrets.passwords);
  expect(Object.keys(passwords)).toContain("ops");
  expect(deliveryKey).toBe(configOf(first).secrets.deliveryKey);
});

test("hosts of a rehearsal install through this machine, and keep the stack's more sources", () => {
  const apt = `warren:apt:
    proxy: http://proxy.example.org:3142
    mirror: { url: http://mirror.example.org/debian, securityUrl: http://mirror.example.org/debian-security }
    sources: { more: { url: http://mirror.example.org/more, key: "-----BEGIN PGP PUBLIC KEY BLOCK-----\\nmDMEYCQj\\n-----END PGP PUBLIC KEY BLOCK-----" } }
  warren:hosts:`;
  const { apt: inLab } = configOf(rehearse(own.replace("warren:hosts:", apt)));
  expect(Object.keys(inLab ?? {})).toEqual(["sources"]);
  expect(inLab?.sources.more?.url).toBe("http://mirror.example.org/more");
});
