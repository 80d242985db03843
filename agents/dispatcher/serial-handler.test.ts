import { expect, test } from "vitest";
import { SerialHandler } from "./serial-handler.ts";

test("events submitted while one is handled are handled after it, in order", () => {
  const handled: string[] = [];
  const turn: SerialHandler<string> = new SerialHandler(
    (event) => {
      handled.push(`${event} begins`);
      if (event === "a") for (const next of ["b", "c"]) turn.submit(next);
      handled.push(`${event} ends`);
    },
    () => {},
  );
  turn.submit("a");
  turn.submit("d");
  expect(handled).toEqual(["a", "b", "c", "d"].flatMap((event) => [`${event} begins`, `${event} ends`]));
});

test("an event whose handling throws is the last: the failure is reported once, and nothing is thrown to the submitter", () => {
  const handled: number[] = [];
  const failures: string[] = [];
  const turn: SerialHandler<number> = new SerialHandler(
    (event) => {
      if (event === 2) throw new Error("no way");
      handled.push(event);
      if (event === 1) for (const next of [2, 3]) turn.submit(next);
    },
    (error) => failures.push(error.message),
  );
  turn.submit(1);
  turn.submit(4);
  expect(handled).toEqual([1]);
  expect(failures).toEqual(["no way"]);
  expect(turn.hasFailed).toBe(true);
});
