import { mkdirSync, renameSync, rmSync, symlinkSync } from "node:fs";
import path from "node:path";
import type { ConsumeMessage } from "amqplib";
import { nothingToFetch } from "../../agents/lib/announcement.ts";
import { codecs } from "../../agents/lib/codecs.ts";
import { fileNames } from "./names.ts";
import type { Sr3Component } from "./program.ts";
import type { Run } from "./report.ts";
import { filesBelow, reasonsOf, type Stage, withOtherContent } from "./stage.ts";

export interface SourceOptions {
  readonly component: "watch" | "post";
  readonly format: "v02" | "v03";
  /** sr3's filter between its source and our bridge. It drops content that it knows, so nothing is renamed. */
  readonly winnow?: boolean;
  readonly count: number;
}

const prefixes = { v02: "v02.post", v03: "v03" };
/** Of files, in each part of a run: renamed, removed, and links and folders made beside them. */
const changedShare = 0.1;

/**
 * sr3 announces files, our bridge translates, our dispatcher and puller fetch. Halfway, files are renamed and removed, links and folders
 * are made, and bridge, dispatcher and puller are killed while the rest is written.
 */
export async function runSource(stage: Stage, options: SourceOptions): Promise<Run> {
  const { component, format, winnow = false, count } = options;
  const posted = "sr3-posts";
  const from = winnow ? "sr3-winnowed" : posted;
  const rxq = path.join(stage.folder, "rxq");
  mkdirSync(rxq);
  const posts = await stage.tap(posted);
  await stage.channel.assertExchange(from, "topic", { durable: true });
  await startAgents(stage, from, format, rxq);
  const dispatched = await stage.tap("cmc", "v00.urp.notify.#");
  const deadLetters = await stage.tapDeadLetters();
  const announce = await startSource(stage, options, posted, from);

  const first = fileNames("a", Math.ceil(count / 2));
  const changed = component === "watch" && !winnow ? Math.ceil(first.length * changedShare) : 0;
  const rest = fileNames("b", count - first.length - changed);
  const arrived = (wanted: readonly string[]) => () => {
    const there = new Set(filesBelow(rxq));
    const left = wanted.filter((name) => !there.has(path.basename(name)));
    return left.length <= deadLetters.length;
  };
  await announce(first);
  await stage.until(arrived(first));
  const renamed = change(stage, first, changed);
  await stage.restart("bridge", () => announce(rest.slice(0, rest.length / 2)));
  await stage.restart("dispatcher", () => announce(rest.slice(rest.length / 2)));
  await stage.restart("puller");
  const wanted = [...first, ...renamed.keys(), ...rest];
  await stage.until(arrived(wanted));

  const heard = filesBelow(rxq);
  const heardNames = new Set(heard);
  // A renamed file has the content that it was written with.
  const original = new Map(wanted.map((name) => [path.basename(name), renamed.get(name) ?? name]));
  const wrong = withOtherContent(rxq, heard, (name) => original.get(name) ?? "");
  return {
    name: `${component} ${format}${winnow ? ", winnow" : ""}`,
    posted: wanted.length,
    passedOver: posts.filter((post) => announcesNothing(format, post)).length,
    heard: heard.length - wrong.length,
    setAside: reasonsOf(deadLetters),
    missing: wanted.filter((name) => !heardNames.has(path.basename(name))),
    repeated: dispatched.length - new Set(dispatched.map(keyOf)).size,
  };
}

/** About a folder, a link or a removal. */
function announcesNothing(format: "v02" | "v03", { content, properties: { headers = {} } }: ConsumeMessage): boolean {
  const read = codecs[format].parse({ body: content, headers });
  return !read.ok && read.reason === nothingToFetch;
}

/** The md5 of a v00 announcement. */
const keyOf = ({ content }: ConsumeMessage) => content.toString().split(" ")[0];

async function startAgents(stage: Stage, from: string, format: "v02" | "v03", rxq: string): Promise<void> {
  await stage.start("dispatcher", "dispatcher", {});
  await stage.start("puller", "puller", { receiverQueueDirectory: rxq });
  await stage.start("bridge", "bridge", {
    queue: "cmc.bridge.sr3-posts",
    from: { format, exchange: from, topicPrefix: prefixes[format] },
    to: [{ format: "v00", exchange: "cmc", topicPrefix: "v00.urp.input" }],
  });
}

/** @returns what writes files and has sr3 announce them */
async function startSource(
  stage: Stage,
  { component, format, winnow }: SourceOptions,
  posted: string,
  from: string,
): Promise<(names: readonly string[]) => Promise<void>> {
  const { sr3, tree, sr3Broker, server } = stage;
  const post = (exchange: string) => [
    `post_broker ${sr3Broker}`,
    `post_exchange ${exchange}`,
    `post_format ${format}`,
    `post_topicPrefix ${prefixes[format]}`,
  ];
  const source = [...post(posted), `post_baseUrl ${server.baseUrl}`, `post_baseDir ${tree}`];
  if (winnow) {
    const queue = ["durable True", "auto_delete False", "expire 1h", "subtopic #"];
    const input = [`broker ${sr3Broker}`, `exchange ${posted}`, `topicPrefix ${prefixes[format]}`, ...queue];
    sr3.configure("winnow", "posts", [...input, ...post(from)]);
    await startClient(stage, "winnow", "posts");
  }
  if (component === "watch") {
    sr3.configure("watch", "tree", [...source, `path ${tree}`, "sleep 0.2"]);
    await sr3.start("watch", "tree").logged(/now active/);
    return async (names) => stage.write(names);
  }
  sr3.configure("post", "tree", source);
  return async (names) => {
    stage.write(names);
    await sr3.post("tree", ["-p", ...names.map((name) => path.join(tree, name))]);
  };
}

/** Starts a component that consumes; resolves when its queue is bound. */
export async function startClient(stage: Stage, component: Sr3Component, name: string) {
  const client = stage.sr3.start(component, name);
  await client.logged(/binding .* with /);
  return client;
}

/** @returns the renamed files' former paths by their new ones */
function change(stage: Stage, names: readonly string[], count: number): Map<string, string> {
  const at = (name: string) => path.join(stage.tree, name);
  for (const name of names.slice(0, count)) rmSync(at(name));
  for (const name of names.slice(count, 2 * count)) {
    symlinkSync(at(name), `${at(name)} link`.replace("long name ", ""));
    mkdirSync(`${at(name)} folder`.replace("long name ", ""));
  }
  const renamed = new Map<string, string>();
  for (const name of names.slice(2 * count, 3 * count)) {
    const file = `renamed ${path.basename(name)}`.replace("long name ", "");
    renamed.set(path.join(path.dirname(name), file), name);
  }
  for (const [name, former] of renamed) renameSync(at(former), at(name));
  return renamed;
}
