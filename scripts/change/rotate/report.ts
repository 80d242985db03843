import { exitFindings } from "../../lib/options.ts";
import { formatColumns } from "../../lib/table.ts";
import type { Report } from "../runbook.ts";
import type { PhaseResult, Rotation, RotationRecord } from "./phase.ts";

export function formatRotation({ what, phases }: Rotation, begun: RotationRecord | undefined): string {
  const rows = phases.map((phase, index) => [
    ...[String(index + 1), phase.name, phase.where, phase.what, phase.meanwhile],
    begun?.done.includes(phase.name) ? "done" : "",
  ]);
  const table = formatColumns([["", "step", "where", "what", "meanwhile", ""], ...rows], "  ");
  return `${begun ? `continues the rotation of ${what} started ${begun.startedAt}\n` : ""}${table}\n\n`;
}

export const rotationJson = (
  { what, afterwards }: Rotation,
  phases: readonly PhaseResult[],
  findings: readonly string[],
) => ({ ok: findings.length === 0, what, phases, findings, afterwards });

export function reportRotation(rotation: Rotation, phases: readonly PhaseResult[]): Report {
  const findings = phases.flatMap((phase) => phase.findings ?? []);
  const lines =
    findings.length === 0
      ? [...rotation.afterwards, `${rotation.what}: rotated, and the system is healthy`]
      : [...findings.map((text) => `✗ ${text}`), "stopped; run the same command again to continue"];
  const exitCode = findings.length === 0 ? 0 : exitFindings;
  return { json: rotationJson(rotation, phases, findings), text: `${lines.join("\n")}\n`, exitCode };
}
