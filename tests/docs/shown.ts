import type { Proof } from "./trace.ts";

/** A file of the checkout, and a test's name with those of its groups. */
interface PassedTest {
  readonly file: string;
  readonly name: string;
}

/** Modules of tests that only the long suite runs. */
const longModules: readonly string[] = ["tests/acceptance/drift-of-members.ts", "tests/acceptance/virtual-ip-moves.ts"];

export const shownLater = ([file]: Proof): boolean => longModules.includes(file);

/** Proofs for which no test passed. If a proof's file is no test file, any test file may contain the test, because it imports that file. */
export function notShown(proofs: readonly Proof[], passed: readonly PassedTest[]): Proof[] {
  return proofs.filter(([file, title]) => {
    // `$name` and `%s` in the title of a table of tests stand for a value in the test's name.
    const parts = title.split(/\$\w+|%s/);
    const isShown = (test: PassedTest) =>
      (!file.endsWith(".test.ts") || test.file === file) && parts.every((part) => test.name.includes(part));
    return !passed.some(isShown);
  });
}
