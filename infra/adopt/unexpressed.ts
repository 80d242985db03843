/** Something that was found and that a stack file can't express. */
export interface Unexpressed {
  /** Where it is: `bunny1:/etc/keepalived/keepalived.conf:12`, or `cluster bunny`. */
  readonly place: string;
  readonly what: string;
  /** The consequence for the stack. */
  readonly consequence: string;
}

/** For a setting in a file that is kept byte for byte. */
export const keptInFile = "stays in the file, which is kept unchanged; warren's own file would not have it";

/** For an object in the broker. */
export const staysUnmanaged = "stays unchanged; not managed";
