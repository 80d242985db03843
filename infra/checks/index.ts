import { UserError } from "../../agents/lib/errors.ts";
import type { StackConfig } from "../config/index.ts";
import { softenAdopted } from "./adopted.ts";
import type { Past } from "./past.ts";
import { type CheckedModel, type Finding, severities } from "./rule.ts";
import { rules } from "./rules.ts";

/** Findings of all rules, errors first. */
export function findings(model: CheckedModel, config: StackConfig, past: Past): Finding[] {
  const found = rules.flatMap(({ name, severity, remedy, find }) =>
    find(model, config, past).map((one) => softenAdopted({ rule: name, severity, remedy, ...one }, config)),
  );
  return found.toSorted((a, b) => severities.indexOf(a.severity) - severities.indexOf(b.severity));
}

/**
 * Stops the run before anything is registered if a rule finds an error.
 * @returns the warnings; only `./warren checks` shows notes
 * @throws UserError with all errors and their remedies
 */
export function checkModel(model: CheckedModel, config: StackConfig, past: Past): Finding[] {
  const found = findings(model, config, past);
  const errors = found.filter((finding) => finding.severity === "error");
  if (errors.length > 0) {
    throw new UserError(`stack ${model.stack}`, errors.map((error) => `\n  ${formatFinding(error)}`).join(""));
  }
  return found.filter((finding) => finding.severity === "warning");
}

export const formatFinding = ({ rule, path, message, remedy }: Finding): string =>
  `${path}: ${message} (${rule}; remedy: ${remedy})`;
