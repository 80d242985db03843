import { checkRelPath } from "../lib/announcement.ts";
import { bad, good, type Result } from "../lib/result.ts";
import type { DeliveryConfig } from "./config.ts";
import type { OutgoingFile } from "./ports.ts";
import { remotePath } from "./server-port.ts";
import { fillTemplate } from "./template.ts";

/** The place of a file on the server. */
export interface Place {
  /** Absolute, or relative to the login directory. */
  readonly directory: string;
  readonly name: string;
  /** Below `root`; empty for root itself. */
  readonly tree: string;
  /** `tree` and `name`. */
  readonly relPath: string;
}

/** The limit of common file systems for one name. */
export const nameBytesMax = 255;
const pathBytesMax = 4096;

type PlaceConfig = Pick<DeliveryConfig, "rules" | "root">;

/** The place by the rule that accepted the file. Bad if the name makes no valid place: the file can never be delivered. */
export function placeOf({ file, pattern, captures }: OutgoingFile, { rules, root }: PlaceConfig): Result<Place> {
  // If several rules have the same pattern, the first one decides: the others never apply.
  const rule = rules.find(({ accept }) => accept === pattern);
  const tree = fillTemplate(rule?.directory ?? "", file.name, captures);
  if (!tree.ok) return tree;
  const name = fillTemplate(rule?.fileName ?? "$".concat("{WHATFN}"), file.name, captures);
  if (!name.ok) return name;
  if (name.value === "" || name.value.includes("/"))
    return bad(`its name on the server would be ${JSON.stringify(name.value)}`);
  const words = tree.value.split("/").filter((word) => word !== "");
  const relPath = [...words, name.value].join("/");
  const checked = checkRelPath(relPath);
  if (!checked.ok) return bad(`its path would be ${JSON.stringify(relPath)}: ${checked.reason}`);
  const long = [...words, name.value].find((word) => Buffer.byteLength(word) > nameBytesMax);
  if (long !== undefined) {
    return bad(`a name in its path would have ${Buffer.byteLength(long)} bytes, at most ${nameBytesMax} fit`);
  }
  const directory = words.length === 0 ? root : remotePath(root, words.join("/"));
  if (Buffer.byteLength(directory) > pathBytesMax) return bad(`its path would have more than ${pathBytesMax} bytes`);
  return good({ directory, name: name.value, tree: words.join("/"), relPath });
}
