import { renderAptSettings, renderAptSources } from "../../templates/render.ts";
import type { AptConfig } from "../config/apt.ts";
import type { StackConfig } from "../config/index.ts";
import { rootFile } from "./files.ts";
import type { HostPart, PartContext } from "./part.ts";

export const sourcesFile = "/etc/apt/sources.list.d/warren.sources";
export const settingsFile = "/etc/apt/apt.conf.d/99warren";
const debianKeys = "/usr/share/keyrings/debian-archive-keyring.gpg";

/** apt's settings of a host: those of the stack, each overridden by the host's own. */
function aptOf({ apt, hosts }: StackConfig, host: string): AptConfig {
  const own = hosts[host]?.apt;
  const proxy = own?.proxy ?? apt?.proxy;
  const mirror = own?.mirror ?? apt?.mirror;
  return {
    ...(proxy === undefined ? {} : { proxy }),
    ...(mirror === undefined ? {} : { mirror }),
    sources: { ...apt?.sources, ...own?.sources },
  };
}

/** Whether the host has sources beside Debian's. */
export const hasMoreSources = (config: StackConfig, host: string): boolean =>
  Object.keys(aptOf(config, host).sources).length > 0;

/**
 * Where the host's packages come from. With a mirror, apt ignores the host's own sources, because they may not answer. Their files stay, so the
 * host is as before once warren's files are removed.
 */
export function aptPart({ config, host }: PartContext): HostPart {
  const { proxy, mirror, sources } = aptOf(config, host);
  const release = String(config.hosts[host]?.release);
  const listed = [
    ...(mirror ? debianSources(mirror, release) : []),
    ...Object.values(sources).map(({ url, suite = release, components, key }) => ({
      url,
      suites: suite,
      components: suite.endsWith("/") ? "" : components.join(" "),
      signedBy: inline(key),
    })),
  ];
  const settings = { proxy: proxy ?? "", sourceList: mirror ? sourcesFile : "" };
  return {
    files: [
      ...(listed.length > 0 ? [rootFile(sourcesFile, renderAptSources({ sources: listed }))] : []),
      ...(proxy || mirror ? [rootFile(settingsFile, renderAptSettings(settings))] : []),
    ],
  };
}

function debianSources({ url, securityUrl, components, key }: NonNullable<AptConfig["mirror"]>, release: string) {
  const rest = { components: components.join(" "), signedBy: key === undefined ? ` ${debianKeys}` : inline(key) };
  return [
    { url, suites: `${release} ${release}-updates`, ...rest },
    { url: securityUrl, suites: `${release}-security`, ...rest },
  ];
}

/** A key inside a field of deb822: each line is indented, and an empty one is a dot. */
const inline = (key: string): string => `\n${key.trim().replace(/^\s*$/gm, ".").replace(/^/gm, " ")}`;
