import { expect, test } from "vitest";
import { explainComplaint } from "./inotify-process.ts";

test("inotifywait's normal messages at its start are not errors", () => {
  expect(explainComplaint("Setting up watches.  Beware: since -r was given, this may take a while!")).toBeUndefined();
  expect(explainComplaint("Watches established.")).toBeUndefined();
});

test("too few watches name the sysctl to raise, at the start and for a new folder", () => {
  for (const line of [
    "Failed to watch /db; upper limit on inotify watches reached!",
    "Couldn't watch new directory /db/x: No space left on device",
  ]) {
    expect(explainComplaint(line)?.subject).toBe("fs.inotify.max_user_watches");
    expect(explainComplaint(line)?.remedy).toContain("sysctl -w fs.inotify.max_user_watches=");
  }
});

test("too few instances name the sysctl to raise", () => {
  expect(explainComplaint("Couldn't initialize inotify: Too many open files")?.subject).toBe(
    "fs.inotify.max_user_instances",
  );
});

test("an unknown message is passed on unchanged", () => {
  expect(explainComplaint("Couldn't watch /db: Permission denied")?.message).toBe(
    "Couldn't watch /db: Permission denied",
  );
});
