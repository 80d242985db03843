import { availableParallelism } from "node:os";
import path from "node:path";
import { configDefaults, defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

const exclude = [...configDefaults.exclude, "**/.warren/**"];

// Half of a program's start is compiling; `./warren` sets the same folder.
process.env.NODE_COMPILE_CACHE ??= path.join(import.meta.dirname, ".warren/compile-cache");

/** Files of a few lines that start much. */
const longForTheirSize = /\/tests\/[^/]+\/|\/alerts\/rules\.process\./;

/**
 * In a fresh clone vitest knows no durations and starts the largest files first. Small files that take long would then start last, and
 * the other workers wait for them: a seventh of the time of `broker`, a quarter of `process`.
 */
class LongFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const byProject = Map.groupBy(await super.sort(files), ({ project }) => project.name);
    return [...byProject.values()].flatMap((specs) => {
      const isLong = ({ moduleId }: TestSpecification) => longForTheirSize.test(moduleId);
      return [...specs.filter(isLong), ...specs.filter((spec) => !isLong(spec))];
    });
  }
}

/** Of `unit` and `process`. */
const seconds = {
  // On an idle machine. A test that hangs is rare; a machine that is busy with something else is not.
  testTimeout: 30_000,
  hookTimeout: 30_000,
  expect: { poll: { timeout: 25_000 } },
  // Files share a process: loading vitest and the project's modules for each of 270 was two thirds of the time. So a
  // test restores what it changes of its process: environment, timers, listeners.
  isolate: false,
  // Node loads the modules itself, types stripped, as it does in operation. Vite's loader took 7 s more of a
  // processor, and makes each use of an import slower. `vi.mock` needs Vite's loader: no test uses it.
  experimental: { viteModuleRunner: false },
  // Two for each core: tests wait for processes that they start. On two cores 88 s, with one for each 110 s.
  maxWorkers: 2 * availableParallelism(),
};
/** Tests of a complete system that share one lab. */
const systemTests = "tests/acceptance/*.lab.test.ts";
const minutes = { testTimeout: 300_000, hookTimeout: 900_000, fileParallelism: false };

// Five kinds of tests, told apart by their names: x.test.ts takes at most a second or two; x.process.test.ts starts sshd, bundles and
// whole programs, for longer; x.broker.test.ts starts a real broker as an ordinary process; x.lab.test.ts needs root and makes real
// hosts; x.long.test.ts does any of these, for minutes.
export default defineConfig({
  test: {
    sequence: { sequencer: LongFirst },
    projects: [
      {
        test: {
          name: "unit",
          include: ["**/*.test.ts"],
          exclude: [...exclude, "**/*.{process,broker,lab,long}.test.ts"],
          ...seconds,
        },
      },
      { test: { name: "process", include: ["**/*.process.test.ts"], exclude, ...seconds } },
      {
        test: {
          name: "broker",
          include: ["**/*.broker.test.ts"],
          exclude,
          // Seconds on an idle machine.
          testTimeout: 240_000,
          hookTimeout: 180_000,
          expect: { poll: { timeout: 60_000 } },
          // As in `unit`. With the process files share its broker (`sharedBroker`): 45 starts of one took a third of the processor time.
          isolate: false,
          // Three for each of two cores: tests wait for more than half of their time.
          maxWorkers: 6,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          name: "lab",
          include: ["**/*.lab.test.ts"],
          exclude: [...exclude, systemTests],
          ...minutes,
          // They wait for most of their time, each for its own hosts.
          fileParallelism: true,
          maxWorkers: 3,
        },
      },
      {
        test: {
          name: "lab: system",
          include: [systemTests],
          ...minutes,
          // Alone, after the others: it has bounds for how long things take.
          sequence: { groupOrder: 1 },
        },
      },
      { test: { name: "long", include: ["**/*.long.test.ts"], exclude, ...minutes } },
    ],
  },
});
