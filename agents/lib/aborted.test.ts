import { getEventListeners } from "node:events";
import { expect, test } from "vitest";
import { orAborted } from "./aborted.ts";

test("work ends with its result, or with none when the signal aborts; no listener is left", async () => {
  const stopping = new AbortController();
  const { signal } = stopping;
  expect(await orAborted(Promise.resolve(7), signal)).toBe(7);
  await expect(orAborted(Promise.reject(new Error("no")), signal)).rejects.toThrow("no");
  const waiting = orAborted(new Promise(() => {}), signal);
  expect(getEventListeners(signal, "abort")).toHaveLength(1);
  stopping.abort();
  expect(await waiting).toBeUndefined();
  expect(await orAborted(Promise.resolve(7), signal)).toBeUndefined();
  // Vitest fails on an unhandled rejection.
  expect(await orAborted(Promise.reject(new Error("too late")), signal)).toBeUndefined();
  expect(getEventListeners(signal, "abort")).toHaveLength(0);
});
