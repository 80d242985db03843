/** Folders of the tree, below `radar`. A space and a `#` in a folder are in the topic too. */
const folders = ["IWA", "with a space", "a.b", "hash#1", "été/雨"];

/** What names may contain, and still be one file on any disk. */
const kinds: readonly ((id: string) => string)[] = [
  (id) => `plain-${id}.gif`,
  (id) => `two words ${id}.gif`,
  (id) => `hash#${id}#.gif`,
  (id) => `100% of ${id}%.gif`,
  (id) => `é雨😀-${id}.gif`,
  (id) => `q?${id}&a=b;c+d.gif`,
  (id) => `[${id}]{x}'"$\\.gif`,
  (id) => `${"long name ".repeat(22)}${id}.gif`,
  (id) => `${id}~~PA,60,10,PA_PRECIPET,MM_HR,MM:URP:IWA:RADAR:META`,
];

/** Paths of files with names of every kind, each name once. `prefix` tells the parts of a run apart. */
export function fileNames(prefix: string, count: number): string[] {
  return Array.from({ length: count }, (_, index) => {
    const folder = folders[Math.floor(index / kinds.length) % folders.length];
    return `radar/${folder}/${kinds[index % kinds.length]?.(`${prefix}${index}`)}`;
  });
}
