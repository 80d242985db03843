import { ageText } from "../../../infra/lock-owner.ts";
import { bytesText } from "../../lib/bytes.ts";
import { painter } from "../../lib/table.ts";
import { type Manifest, partName } from "./manifest.ts";

/** The contents of a backup, its missing parts, and what created it. Ends with a newline. */
export function formatManifest(manifest: Manifest, now: Date, color: boolean): string {
  const paint = painter(color);
  const { stack, createdAt, by, versions, parts, missing, fingerprints } = manifest;
  const width = Math.max(0, ...[...parts, ...missing].map((part) => partName(part).length));
  const brokers = Object.entries(versions.brokers).map(([name, version]) => `RabbitMQ ${version} (${name})`);
  return [
    `backup of stack ${stack}, ${timeText(createdAt)} (${ageText(now.getTime() - Date.parse(createdAt))} old), by ${by}`,
    `warren ${versions.warren}, engine ${versions.engine}${brokers.map((text) => `, ${text}`).join("")}`,
    ...parts.map(
      (part) =>
        `  ${partName(part).padEnd(width)}  ${bytesText(part.bytes).padStart(9)}  ${timeText(part.takenAt)}  sha256 ${part.sha256.slice(0, 16)}…`,
    ),
    `  fingerprints of ${Object.keys(fingerprints).length} secrets`,
    ...missing.map((part) => `${paint("red", "✗")} ${partName(part).padEnd(width)}  is missing: ${part.why}`),
    "",
  ].join("\n");
}

export const timeText = (iso: string): string => `${iso.replace("T", " ").slice(0, 19)} UTC`;
