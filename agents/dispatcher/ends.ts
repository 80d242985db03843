import { UserError } from "../lib/errors.ts";

// Why this process ends though nothing is lost: the next one begins with what this one can't get any more.

export function journalFault(): UserError {
  const remedy = "nothing is lost: started again, it reads what is missing from its ledger queue";
  return new UserError("journal", "its disk was full for too long", remedy);
}

export function clockFault(steppedMs: number): UserError {
  const direction = steppedMs < 0 ? "back" : "forward";
  const problem = `the system's clock was set ${direction} by ${Math.round(Math.abs(steppedMs) / 1000)} s`;
  return new UserError("clock", problem, "nothing is lost: started again, it reads its journal by the right time");
}
