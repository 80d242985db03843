import { UserError } from "../../agents/lib/errors.ts";
import type { StackConfig } from "../config/index.ts";
import type { EnvironmentModel } from "../model/types.ts";
import { anonymousWritesShared } from "./anonymous-writes-shared.ts";
import { equalPriorities } from "./equal-priorities.ts";
import { pauseMinorityOfTwo } from "./pause-minority-of-two.ts";
import type { Finding, Rule } from "./rule.ts";
import { sharedRouterId } from "./shared-router-id.ts";

/** Every rule, one a file. */
export const rules: readonly Rule[] = [anonymousWritesShared, equalPriorities, pauseMinorityOfTwo, sharedRouterId];

/** What the rules find, errors first. */
export function findings(model: EnvironmentModel, config: StackConfig): Finding[] {
  const found = rules.flatMap((rule) =>
    rule.find(model, config).map((one) => ({ rule: rule.name, severity: rule.severity, ...one })),
  );
  return found.toSorted((a, b) => a.severity.localeCompare(b.severity));
}

/**
 * Stops before anything is registered where a rule finds an error.
 * @returns the warnings
 * @throws UserError with all errors and their remedies
 */
export function checkModel(model: EnvironmentModel, config: StackConfig): Finding[] {
  const found = findings(model, config);
  const errors = found.filter((finding) => finding.severity === "error");
  if (errors.length > 0) {
    throw new UserError(`stack ${model.stack}`, errors.map((error) => `\n  ${formatFinding(error)}`).join(""));
  }
  return found;
}

export const formatFinding = ({ rule, path, message, remedy }: Finding): string =>
  `${path}: ${message} (${rule}; remedy: ${remedy})`;
