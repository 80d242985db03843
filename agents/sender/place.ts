import { checkRelPath } from "../lib/announcement.ts";
import { bad, good, type Result } from "../lib/result.ts";
import type { DeliveryConfig } from "./config.ts";
import type { OutgoingFile } from "./ports.ts";
import { remotePath } from "./server-port.ts";
import { fillTemplate } from "./template.ts";

/** Where a file goes. */
export interface Place {
  /** On the server, absolute or from where a login begins. */
  readonly directory: string;
  readonly name: string;
  /** Below `root`; empty for root itself. */
  readonly tree: string;
  /** `tree` and `name`. */
  readonly relPath: string;
}

/** What a file system takes for one name. */
export const nameBytesMax = 255;
const pathBytesMax = 4096;

type PlaceConfig = Pick<DeliveryConfig, "rules" | "root">;

/** By the rule that accepted the file. Bad where its name makes no place: that file can never be delivered. */
export function placeOf({ file, pattern, captures }: OutgoingFile, { rules, root }: PlaceConfig): Result<Place> {
  // The first of several rules with one pattern decides: the others are never asked.
  const rule = rules.find(({ accept }) => accept === pattern);
  const tree = fillTemplate(rule?.directory ?? "", file.name, captures);
  if (!tree.ok) return tree;
  const name = fillTemplate(rule?.fileName ?? "$".concat("{WHATFN}"), file.name, captures);
  if (!name.ok) return name;
  if (name.value === "" || name.value.includes("/")) return bad(`it would be called ${JSON.stringify(name.value)}`);
  const words = tree.value.split("/").filter((word) => word !== "");
  const relPath = [...words, name.value].join("/");
  const checked = checkRelPath(relPath);
  if (!checked.ok) return bad(`its place would be ${JSON.stringify(relPath)}: ${checked.reason}`);
  const long = [...words, name.value].find((word) => Buffer.byteLength(word) > nameBytesMax);
  if (long !== undefined) {
    return bad(`a name in its place would have ${Buffer.byteLength(long)} bytes, at most ${nameBytesMax} fit`);
  }
  const directory = words.length === 0 ? root : remotePath(root, words.join("/"));
  if (Buffer.byteLength(directory) > pathBytesMax) return bad(`its place would have more than ${pathBytesMax} bytes`);
  return good({ directory, name: name.value, tree: words.join("/"), relPath });
}
