/** Something that was found and that a stack file has no words for. */
export interface Unexpressed {
  /** Where it is: `bunny1:/etc/keepalived/keepalived.conf:12`, or `cluster bunny`. */
  readonly place: string;
  readonly what: string;
  /** What that means from now on. */
  readonly consequence: string;
}

/** Of a setting in a file that is kept to the byte. */
export const keptInFile =
  "stays in the file, which is kept as it is; warren's own file, should it take its place, would not have it";

/** Of an object in the broker. */
export const staysUnmanaged = "stays as it is; not managed";
