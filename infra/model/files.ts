import type { FileModel } from "./types.ts";

/** A file of root's, readable by all; what differs is said. */
export function rootFile(path: string, content: string, rest: Partial<FileModel> = {}): FileModel {
  return {
    path,
    content,
    owner: "root",
    group: "root",
    mode: "0644",
    secret: false,
    order: "before-packages",
    keep: false,
    ...rest,
  };
}

export const json = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;
