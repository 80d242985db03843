import fc from "fast-check";
import { expect, test } from "vitest";
import { difference, patched } from "./patch.ts";

const { tree } = fc.letrec<{ tree: unknown }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 4 },
    fc.constantFrom(0, 1, "", "a", true),
    fc.array(tie("tree"), { maxLength: 3 }),
    fc.dictionary(fc.constantFrom("a", "b", "c", "__proto__", "constructor"), tie("tree"), { noNullPrototype: true }),
  ),
}));

test("a difference makes one value of another, over JSON", () => {
  fc.assert(
    fc.property(tree, tree, (from, to) => {
      const patch = difference(from, to);
      const received = patch === undefined ? from : patched(from, JSON.parse(JSON.stringify(patch)));
      expect(JSON.parse(JSON.stringify(received))).toEqual(JSON.parse(JSON.stringify(to)));
    }),
  );
});

test("equal values have no difference, and one changed figure makes a small one", () => {
  fc.assert(fc.property(tree, (value) => difference(value, structuredClone(value)) === undefined));
  const view = { nodes: { a: { state: "ok" }, b: { state: "ok" } }, at: 1 };
  expect(difference(view, { ...view, nodes: { ...view.nodes, b: { state: "bad", word: "down" } } })).toEqual({
    nodes: { b: { state: "bad", word: "down" } },
  });
  expect(difference({ a: 1, b: 2 }, { b: 2 })).toEqual({ a: null });
});
