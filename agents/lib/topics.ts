import { bad, good, type Result } from "./result.ts";

/** AMQP writes a routing key as a short string: 255 bytes, not characters. */
export const routingKeyBytesMax = 255;

/**
 * Longest topic that `formatTopic` returns. One byte less than AMQP's limit, because `v00.urp.notify` is one byte longer than
 * `v00.urp.input`: an input key of 255 bytes could be announced but never dispatched.
 */
export const topicBytesMax = routingKeyBytesMax - 1;

/**
 * The topic of a product: prefix, then the directories of its path below `root`, with `.` for `/`. The file name is left out: the
 * source says "the path from db", file names contain dots, commas and tildes that make useless words, and v02 and v03 leave it
 * out too.
 *
 * A `.` in a directory name would read as a separator (`a.b/c` and `a/b/c` would collide), `*` and `#` as wildcards in a binding
 * made from the topic. These and `%` itself are percent-encoded; everything else stays, so ordinary names are unchanged.
 */
export function formatTopic(prefix: string, relPath: string, root = "db"): Result<string> {
  const directories = relPath.split("/").slice(0, -1);
  if (directories[0] === root) directories.shift();
  const topic = [prefix, ...directories.map(escapeWord)].join(".");
  const bytes = Buffer.byteLength(topic);
  if (bytes > topicBytesMax) {
    return bad(
      `topic of ${JSON.stringify(relPath)} has ${bytes} bytes, but at most ${topicBytesMax} fit: shorten the directories`,
    );
  }
  return good(topic);
}

/** The same with the file's name, which keeps its dots: each part becomes a word, so that bindings made for the old topics match. */
export function formatFileTopic(prefix: string, relPath: string, root = "db"): Result<string> {
  const directories = formatTopic(prefix, relPath, root);
  if (!directories.ok) return directories;
  const name = relPath.slice(relPath.lastIndexOf("/") + 1);
  const topic = `${directories.value}.${name.split(".").map(escapeWord).join(".")}`;
  const bytes = Buffer.byteLength(topic);
  if (bytes <= topicBytesMax) return good(topic);
  return bad(
    `topic of ${JSON.stringify(relPath)} has ${bytes} bytes with the file's name, at most ${topicBytesMax} fit`,
  );
}

/** The directories that `formatTopic` put after `prefix`. */
export function parseTopic(prefix: string, topic: string): Result<readonly string[]> {
  if (topic === prefix) return good([]);
  if (!topic.startsWith(`${prefix}.`)) return bad(`topic does not start with ${prefix}: ${topic}`);
  const words = topic.slice(prefix.length + 1).split(".");
  const directories: string[] = [];
  for (const word of words) {
    if (word === "") return bad(`topic has an empty word: ${topic}`);
    if (/%(?!2E|2A|23|25)/.test(word)) return bad(`topic has a "%" that does not begin an escape: ${topic}`);
    directories.push(
      word.replace(/%(2E|2A|23|25)/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
    );
  }
  return good(directories);
}

/** The same topic under another prefix, e.g. `v00.urp.input.X` as `v00.urp.notify.X`. */
export function replacePrefix(topic: string, from: string, to: string): Result<string> {
  if (topic !== from && !topic.startsWith(`${from}.`)) return bad(`routing key does not start with ${from}: ${topic}`);
  const replaced = to + topic.slice(from.length);
  const bytes = Buffer.byteLength(replaced);
  if (bytes > routingKeyBytesMax)
    return bad(`routing key would have ${bytes} bytes, but at most ${routingKeyBytesMax} fit`);
  return good(replaced);
}

/** One directory as one word of a topic; see `formatTopic`. */
export function escapeWord(word: string): string {
  return word.replace(/[.*#%]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`);
}
