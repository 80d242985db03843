import type { Action } from "./action.ts";
import type { Choices } from "./choices.ts";
import { faults } from "./faults.ts";
import { work } from "./work.ts";
import type { Setting, World } from "./world.ts";

/** Every action as often as it weighs: one draw chooses. */
function tableOf(actions: readonly Action[]): readonly Action[] {
  return actions.flatMap((action) => new Array<Action>(action.weight).fill(action));
}

const workTable = tableOf(work);

/** Chances in percent that a step is a fault. Few leave time for work to get far, many hit what is seldom long under way. */
const faultPercents = [0, 3, 6, 6, 10, 20] as const;
/** A schedule has each kind of fault with this chance: where all of them happen, some never come alone. */
const kindPercent = 40;
/** What there is nothing to do to is passed over, so many times. */
const tries = 4;

/** What may happen in one schedule. */
export interface Course {
  readonly faultPercent: number;
  readonly faults: readonly Action[];
}

export function chooseCourse(choices: Choices, setting: Setting): Course {
  const faultPercent = faultPercents[choices.below(faultPercents.length)] ?? 0;
  const kinds = faults.filter(({ needs }) => choices.chance(kindPercent) && !needs);
  // These are what such a schedule is for.
  for (const fault of faults) if (fault.needs && setting[fault.needs]) kinds.push(fault);
  return { faultPercent: kinds.length > 0 ? faultPercent : 0, faults: tableOf(kinds) };
}

/** Lets something happen, chosen by the world's choices. Returns its name; undefined: there was nothing to do it to. */
export function takeStep(world: World, course: Course): string | undefined {
  const { choices } = world;
  const table = choices.chance(course.faultPercent) ? course.faults : workTable;
  for (let attempt = 0; attempt < tries; attempt++) {
    const action = table[choices.below(table.length)];
    if (action?.act(world)) return action.name;
  }
  return undefined;
}
