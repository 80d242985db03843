import type { FileModel } from "./types.ts";

/** A file that belongs to root and is readable by all, with overrides in `rest`. */
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
