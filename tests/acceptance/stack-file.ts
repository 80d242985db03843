import { readFile, writeFile } from "node:fs/promises";
import { type Document, parseDocument } from "yaml";
import { stackFile } from "./subject.ts";

/** Edits the stack's config file as a person does. */
export async function changeStack(edit: (stack: Document) => void): Promise<void> {
  const stack = parseDocument(await readFile(stackFile(), "utf8"));
  edit(stack);
  await writeFile(stackFile(), stack.toString());
}

/** Edits the stack's config file for the time of some work, and puts it back as it was. */
export async function withChangedStack<T>(edit: (stack: Document) => void, work: () => Promise<T>): Promise<T> {
  const before = await readFile(stackFile(), "utf8");
  await changeStack(edit);
  try {
    return await work();
  } finally {
    await writeFile(stackFile(), before);
  }
}
