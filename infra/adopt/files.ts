import { parseTerms } from "../../templates/erlang-terms-parse.ts";
import type { Adoptable, AdoptedConfig, AdoptedFile } from "../config/adopted.ts";
import { type FoundHost, isServing } from "./answer.ts";
import { brokerFiles, keepalivedFile } from "./question.ts";
import { allOf, atomOf } from "./terms.ts";
import { keptInFile, staysUnmanaged, type Unexpressed } from "./unexpressed.ts";

/** Files of a host that are kept byte for byte. */
export interface KeptFiles {
  readonly adopted: AdoptedConfig;
  /** Contents with secrets, by path. */
  readonly secrets: Readonly<Record<string, string>>;
  readonly unexpressed: readonly Unexpressed[];
}

/** Words that indicate a password in files of these two services. */
const secretWords = /pass|secret|cookie|other_bind|dn_lookup_bind|token/i;

export function keptFiles(host: FoundHost): KeptFiles {
  const unexpressed: Unexpressed[] = [];
  const secrets: Record<string, string> = {};
  const adopted: AdoptedConfig = {};
  const services: [Adoptable, readonly string[]][] = [
    [
      "rabbitmq-server",
      Object.values(brokerFiles).filter((path) => path !== brokerFiles.environment || hasSettings(host, path)),
    ],
    ["keepalived", [keepalivedFile]],
  ];
  for (const [service, paths] of services) {
    const there = paths.filter((path) => host.files.has(path));
    if (!isServing(host, service)) {
      for (const path of there.filter((one) => one === keepalivedFile)) {
        const unit = host.units.get(`${service}.service`);
        const state = host.packages.has(service) ? `${unit?.active}, ${unit?.file}` : "not installed";
        unexpressed.push({
          place: `${host.name}:${path}`,
          what: `${service} is ${state}`,
          consequence: staysUnmanaged,
        });
      }
      continue;
    }
    const files = there.flatMap((path) => {
      const kept = keep(host, path, secrets, unexpressed);
      return kept ? [[path, kept] as const] : [];
    });
    adopted[service] = { files: Object.fromEntries(files) };
  }
  unexpressed.push(...environmentSettings(host), ...pluginsBeyond(host));
  for (const path of host.names) {
    unexpressed.push({
      place: `${host.name}:${path}`,
      what: "an additional file that a service reads",
      consequence: staysUnmanaged,
    });
  }
  return { adopted, secrets, unexpressed };
}

function keep(
  host: FoundHost,
  path: string,
  secrets: Record<string, string>,
  unexpressed: Unexpressed[],
): AdoptedFile | undefined {
  const file = host.files.get(path);
  if (!file?.isText) {
    unexpressed.push({ place: `${host.name}:${path}`, what: "is not UTF-8 text", consequence: staysUnmanaged });
    return undefined;
  }
  const { owner, group, mode, content } = file;
  if (!secretWords.test(content)) return { owner, group, mode, content };
  secrets[path] = content;
  return { owner, group, mode };
}

const settingLines = (text: string) =>
  text.split("\n").flatMap((line, index) => (/^\s*[^#\s]/.test(line) ? [{ line: index + 1, text: line.trim() }] : []));

const hasSettings = (host: FoundHost, path: string): boolean =>
  settingLines(host.files.get(path)?.content ?? "").length > 0;

/** Debian's own file has only comments. Settings in it can't be expressed in a stack file. */
function environmentSettings(host: FoundHost): Unexpressed[] {
  const path = brokerFiles.environment;
  return settingLines(host.files.get(path)?.content ?? "").map(({ line, text }) => ({
    place: `${host.name}:${path}:${line}`,
    what: text.replace(/=.*/s, ""),
    consequence: keptInFile,
  }));
}

/** Plugins that warren's own brokers have. */
const ownPlugins = new Set(["rabbitmq_management", "rabbitmq_management_agent", "rabbitmq_auth_backend_ldap"]);

function pluginsBeyond(host: FoundHost): Unexpressed[] {
  const parsed = parseTerms(host.files.get(brokerFiles.plugins)?.content ?? "");
  const names = parsed.ok ? (allOf(parsed.terms[0], atomOf) ?? []) : [];
  return names
    .filter((name) => !ownPlugins.has(name))
    .map((name) => ({
      place: `${host.name}:${brokerFiles.plugins}`,
      what: `plugin ${name}`,
      consequence: keptInFile,
    }));
}
