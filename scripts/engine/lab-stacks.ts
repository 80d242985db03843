/**
 * The committed stacks that labs are made from, each with the index of the lab that has the stack's own name: its addresses are in the
 * committed file. Any other name gets a free index.
 */
export const labStacks = { lab: 0, lab4: 4 } as const;
export type LabStack = keyof typeof labStacks;
export const isLabStack = (name: string): name is LabStack => Object.hasOwn(labStacks, name);
