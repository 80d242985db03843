import { expect, test } from "vitest";
import { Duplicates } from "./duplicates.ts";

const content = (text: string) => Buffer.from(text);

test("a content is known once delivered, waits while it is being sent, and is new again after a failure", () => {
  const duplicates = new Duplicates({ keepMs: 1000, max: 10, now: () => 0 });
  const first = duplicates.begin(content("a"));
  expect(first.state).toBe("new");
  expect(duplicates.begin(content("a")).state).toBe("underway");
  duplicates.end(first.key, false);
  const second = duplicates.begin(content("a"));
  expect(second.state).toBe("new");
  duplicates.end(second.key, true);
  expect(duplicates.begin(content("a")).state).toBe("known");
  expect(duplicates.begin(content("b")).state).toBe("new");
});

test("a content is forgotten after its time, and the oldest one if there are too many", () => {
  let nowMs = 0;
  const duplicates = new Duplicates({ keepMs: 1000, max: 2, now: () => nowMs });
  for (const text of ["a", "b", "c"]) duplicates.end(duplicates.begin(content(text)).key, true);
  expect(duplicates.begin(content("c")).state).toBe("known");
  expect(duplicates.size).toBe(2);
  nowMs = 1000;
  expect(duplicates.begin(content("c")).state).toBe("new");
  expect(duplicates.size).toBe(0);
});
