import { calmDown } from "./calm.ts";
import { Choices } from "./choices.ts";
import type { Counts } from "./counts.ts";
import { type Course, chooseCourse, takeStep } from "./course.ts";
import type { FaultPoints } from "./fault-points.ts";
import { coreMaker, type Subject } from "./make-core.ts";
import { announcedMax } from "./work.ts";
import { type Ground, type Setting, times, World } from "./world.ts";

/** Options of a run. None changes the meaning of the seed. */
export interface Bench {
  readonly subject: Subject;
  readonly ground: Ground;
  readonly counts: Counts;
  readonly points: FaultPoints;
}

export interface Schedule {
  readonly seed: number;
  /** The steps to take; all of the seed's by default. */
  readonly steps?: readonly number[] | undefined;
}

/** Steps count from 0; negative numbers are for choices made once. */
const settingStep = -2;
const calmStep = -1;
const stepsMin = 20;
const stepsMax = 160;
/** Percentages: partitions among schedules of mode `partial`, and schedules in which a server dies. */
const partitionsPercent = 50;
const serversDiePercent = 40;

/** The setting of a seed. */
function readSeed(choices: Choices): { setting: Setting; length: number; course: Course } {
  choices.at(settingStep);
  const length = stepsMin + choices.below(stepsMax - stepsMin);
  const mode = choices.chance(50) ? "atomic" : "partial";
  // Without receipts the ledger is trusted, which is right only if publishes are atomic.
  const receipts = mode === "partial" || choices.chance(75);
  const entriesMax = choices.chance(20) ? 3 + choices.below(4) : 1000;
  // Repeated announcements are verified by receipts only.
  const partitions = mode === "partial" && choices.chance(partitionsPercent);
  // A full table accepts no requests before the end of the window, and then their products are forgotten.
  const serversDie = entriesMax > announcedMax && choices.chance(serversDiePercent);
  const setting = { mode, receipts, entriesMax, productCount: 2 + choices.below(6), partitions, serversDie } as const;
  return { setting, length, course: chooseCourse(choices, setting) };
}

/** Runs one schedule to its end. Throws the judge's violation, or the core's error. */
export function runSchedule(schedule: Schedule, bench: Bench, trace?: (line: string) => void): void {
  const choices = new Choices(schedule.seed);
  const { setting, length, course } = readSeed(choices);
  const { subject, ...rest } = bench;
  const world = new World({ ...rest, setting, choices, trace, makeCore: coreMaker(subject) });
  trace?.(`seed ${schedule.seed}: ${JSON.stringify(setting)}, ${length} steps`);
  prepare(world);
  const { steps } = schedule;
  for (let index = 0; index < (steps?.length ?? length); index++) {
    const step = steps?.[index] ?? index;
    choices.at(step);
    const what = takeStep(world, course);
    trace?.(`-- step ${step}: ${what ?? "nothing to do"}`);
  }
  choices.at(calmStep);
  calmDown(world, choices.below(world.hosts.length));
  bench.counts.schedules++;
}

/** How many steps a seed has. */
export function lengthOf(seed: number): number {
  return readSeed(new Choices(seed)).length;
}

function prepare(world: World): void {
  const { choices, hosts } = world;
  const holder = choices.below(hosts.length);
  for (const host of hosts) {
    host.skewMs = choices.below(times.skewMaxMs);
    host.believes = host.number === holder && choices.chance(90);
    host.start();
    if (choices.chance(80)) host.connect();
  }
}
