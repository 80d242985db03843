import { readFileSync } from "node:fs";
import { parse } from "yaml";
import { withFilledIn } from "../config/fill-in.ts";
import { parseStackConfig, type StackConfig } from "../config/index.ts";
import { buildModel } from "./index.ts";
import { type Certificates, certificateNeeds } from "./tls.ts";
import type { ArtifactSources, EnvironmentModel, HostModel } from "./types.ts";

/** Secrets for tests: long enough, and unique in all generated texts. */
export const fixtureSecrets = {
  erlangCookie: "COOKIEOFTHETESTSANDNOTHINGELSE",
  passwords: {
    root: "root-of-the-tests",
    feeder: "feeder-of-the-tests",
    anonymous: "anonymous-of-the-tests",
    guest: "guest-of-the-tests",
  },
};

/** People of the directory, in stacks that have one. */
const fixtureDirectory = { michel: "michel-of-the-tests", noc: "noc-of-the-tests", jeanne: "jeanne-of-the-tests" };

/** What committed stack files have below `config`, read once: to read YAML takes longer than most tests that need it. */
const stackFiles = new Map<string, Record<string, unknown>>();

function readStackFile(stack: string): Record<string, unknown> {
  const config =
    stackFiles.get(stack) ??
    parse(readFileSync(new URL(`../../stacks/Pulumi.${stack}.yaml`, import.meta.url), "utf8")).config;
  stackFiles.set(stack, config);
  return structuredClone(config);
}

/** What each host has for its monitors. */
export const exporterPackages = ["dbus", "prometheus-exporter-exporter", "prometheus-node-exporter"];
export const exporterUnits = ["prometheus-node-exporter.service", "prometheus-exporter-exporter.service"];
export const monitorUnits = ["prometheus.service", "prometheus-alertmanager.service"];

/** The `warren:` keys of a committed stack file, filled in, with secrets for tests. */
export function stackValues(stack: string): Record<string, unknown> {
  const values = Object.entries(readStackFile(stack)).map(
    ([key, value]) => [key.replace(/^warren:/, ""), value] as const,
  );
  const hasDirectory = JSON.stringify(Object.fromEntries(values).hosts).includes('"ldap"');
  const secrets = { ...structuredClone(fixtureSecrets), ...(hasDirectory ? { directory: fixtureDirectory } : {}) };
  const own = withFilledIn(Object.fromEntries(values));
  const hasPublicServer = own.datamart !== undefined || own.datamarts !== undefined;
  return { ...own, secrets: hasPublicServer ? withDatamart(secrets) : secrets };
}

/** With the additional secrets of a stack with a public data server. */
const withDatamart = <Secrets extends { readonly passwords: object }>(secrets: Secrets) => ({
  ...secrets,
  passwords: { ...secrets.passwords, "queue-manager": "queue-manager-of-the-tests" },
  deliveryPassword: "delivery-password-of-the-tests",
  deliveryKey: "-----BEGIN OPENSSH PRIVATE KEY-----\nKEY-OF-THE-TESTS\n",
});

export const fixtureConfig = (stack = "lab"): StackConfig => parseStackConfig(stackValues(stack), stack);

/** A stack without its monitors. */
export function unmonitored(config: StackConfig): StackConfig {
  const hosts = Object.entries(config.hosts).flatMap(([name, host]) => {
    const roles = host.roles.filter((role) => role !== "monitor");
    return roles.length > 0 ? [[name, { ...host, roles }] as const] : [];
  });
  return { ...config, hosts: Object.fromEntries(hosts) };
}

const artifact = (name: string, letter: string) => ({
  source: `.warren/artifacts/${name}`,
  sha256: letter.repeat(64),
  installedSha256: letter.repeat(64),
  bytes: 1000,
});

export const fixtureArtifacts: ArtifactSources = {
  node: { ...artifact("node.zst", "0"), bytes: 120_000_000 },
  announcer: artifact("announcer.mjs", "a"),
  auditor: artifact("auditor.mjs", "6"),
  bridge: artifact("bridge.mjs", "7"),
  dispatcher: artifact("dispatcher.mjs", "d"),
  monitor: artifact("monitor.mjs", "6"),
  puller: artifact("puller.mjs", "b"),
  "queue-manager": artifact("queue-manager.mjs", "e"),
  receiver: artifact("receiver.mjs", "8"),
  sender: artifact("sender.mjs", "c"),
  subscriber: artifact("subscriber.mjs", "9"),
  watcher: artifact("watcher.mjs", "f"),
};

/** Certificates for tests: recognisable texts. */
export function fixtureCertificates(config: StackConfig): Certificates {
  const hosts = certificateNeeds(config).map(({ host }) => [
    host,
    { certificate: `CERTIFICATE-OF-${host}\n`, key: `KEY-OF-${host}\n` },
  ]);
  return { bundle: hosts.length > 0 ? "CA-OF-THE-TESTS\n" : "", rotating: false, hosts: Object.fromEntries(hosts) };
}

export const fixtureModel = (config = fixtureConfig()): EnvironmentModel =>
  buildModel("lab", config, fixtureArtifacts, fixtureCertificates(config));

/** One host of a stack's model; of `lab`'s unless a config is given. @throws TypeError if there is none of that name */
export function hostOf(name: string, config?: StackConfig): HostModel {
  const found = fixtureModel(config).hosts.find((one) => one.name === name);
  if (!found) throw new TypeError(`no host ${name}`);
  return found;
}

/** The content of one of its files. @throws TypeError if it has none at that path */
export function contentOf(model: HostModel, path: string): string {
  const found = model.files.find((file) => file.path === path);
  if (!found) throw new TypeError(`no file ${path} on ${model.name}`);
  return found.content;
}
