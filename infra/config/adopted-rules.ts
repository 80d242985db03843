import type { ConfigIssue } from "../../agents/lib/errors.ts";
import type { StackConfig } from "./schema.ts";

/** The content of every adopted file is given in exactly one place: with the file, or among the secrets. */
export function adoptedIssues(config: StackConfig): ConfigIssue[] {
  const issues: ConfigIssue[] = [];
  const expected = new Set<string>();
  for (const [host, { adopted }] of Object.entries(config.hosts)) {
    for (const [service, { files }] of Object.entries(adopted ?? {})) {
      for (const [path, { content }] of Object.entries(files)) {
        const secret = config.secrets.files[host]?.[path] !== undefined;
        if (secret) expected.add(`${host} ${path}`);
        if (secret === (content === undefined)) continue;
        const at = `hosts.${host}.adopted.${service}.files.${path}.content`;
        const place = `warren:secrets.files.${host}["${path}"]`;
        const message = secret
          ? `expected the content here or as ${place}, got both`
          : `expected the content, here or as the secret ${place}, but it is missing`;
        issues.push({ path: at, message });
      }
    }
  }
  for (const [host, files] of Object.entries(config.secrets.files)) {
    for (const path of Object.keys(files)) {
      if (expected.has(`${host} ${path}`)) continue;
      issues.push({ path: `secrets.files.${host}.${path}`, message: `expected a file under hosts.${host}.adopted` });
    }
  }
  return issues;
}
