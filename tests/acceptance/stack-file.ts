import { readFile, writeFile } from "node:fs/promises";
import { type Document, parseDocument } from "yaml";
import { stackFile } from "./subject.ts";

/** Edits the stack's config file as a person does. */
export async function changeStack(edit: (stack: Document) => void): Promise<void> {
  const stack = parseDocument(await readFile(stackFile(), "utf8"));
  edit(stack);
  await writeFile(stackFile(), stack.toString());
}

/** Edits the stack's config file during some work, and restores it afterwards. */
export async function withChangedStack<T>(edit: (stack: Document) => void, work: () => Promise<T>): Promise<T> {
  const before = await readFile(stackFile(), "utf8");
  await changeStack(edit);
  try {
    return await work();
  } finally {
    await writeFile(stackFile(), before);
  }
}

/** Removes the public data server, the senders that deliver to it and its clients from a lab's stack. */
export function removePublicRoad(stack: Document): void {
  const paths = [
    ["warren:datamart"],
    ["warren:monitor", "events"],
    ["warren:receivers"],
    ["warren:bridges"],
    ["warren:brokers", "wxo-b1"],
    ...["deliveryKey", "deliveryPassword"].map((key) => ["warren:secrets", key]),
    ...["anonymous@wxo-b1", "feeder@wxo-b1", "queue-manager"].map((user) => ["warren:secrets", "passwords", user]),
  ];
  for (const path of paths) stack.deleteIn(["config", ...path]);
}

/** The text of a lab's stack with only these hosts, and without the public data server path. */
export function withHosts(text: string, hosts: readonly string[]): string {
  const stack = parseDocument(text);
  const all = stack.toJS() as { readonly config: Readonly<Record<"warren:hosts", object>> };
  for (const host of Object.keys(all.config["warren:hosts"])) {
    if (!hosts.includes(host)) stack.deleteIn(["config", "warren:hosts", host]);
  }
  removePublicRoad(stack);
  return stack.toString();
}

/** The text of a lab's stack with these hosts on Debian 13, and these brokers of RabbitMQ 4.0 on it. */
export function withNewer(text: string, hosts: readonly string[], brokers: readonly string[]): string {
  const stack = parseDocument(text);
  for (const host of hosts) stack.setIn(["config", "warren:hosts", host, "release"], "trixie");
  for (const broker of brokers) stack.setIn(["config", "warren:brokers", broker, "series"], "4.0");
  return stack.toString();
}
