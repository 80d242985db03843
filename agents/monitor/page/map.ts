import type { VNode } from "preact";
import { shortNumber } from "../format.ts";
import { type ColumnShape, groupId, type NodeShape, type PathShape } from "../map-shape.ts";
import type { FlowView, NodeView, State } from "../view.ts";
import { h } from "./element.ts";
import { Sign, sign, stateWords } from "./glyph.ts";
import { type Box, frameHead, layoutOf, type PlacedEdge, sizes } from "./layout.ts";

const nothing: NodeView = { state: "unknown", word: "no data", lines: [] };
const nodeOf = (view: FlowView, { id }: NodeShape): NodeView => view.nodes[id] ?? nothing;

const boldLetter = 7.6;

/** Characters of the SVG's font that fit, about 6.4 units each: SVG cuts no text by itself. */
const cut = (text: string, width: number, letter = 6.4): string => {
  const most = Math.floor(width / letter);
  return text.length > most ? `${text.slice(0, Math.max(1, most - 1))}…` : text;
};

/** The pictures of both paths, for eyes; `MapList` says the same in words. */
export const MapPicture = ({ path, view }: { path: PathShape; view: FlowView }): VNode => {
  const layout = layoutOf(path);
  return h(
    "svg",
    { class: "map", viewBox: `0 0 ${layout.width} ${layout.height}`, "aria-hidden": "true", focusable: "false" },
    [
      ...layout.titles.map(({ x, text }) => h("text", { class: "column", x, y: 14 }, text)),
      ...layout.edges.map((edge) => h("path", { class: `edge ${widthOf(view.rates[edge.shape.id])}`, d: edge.path })),
      ...layout.frames.map((frame) =>
        h(
          "g",
          { class: `frame ${nodeOf(view, frame.shape).state}` },
          card(frame, frame.shape.name, nodeOf(view, frame.shape), frameHead(frame.shape)),
        ),
      ),
      ...layout.nodes.map((node) =>
        h(
          "g",
          { class: `node ${nodeOf(view, node.shape).state}` },
          card(node, node.shape.name, nodeOf(view, node.shape)),
        ),
      ),
      ...layout.groups.map((group) =>
        h(
          "g",
          { class: `node ${groupNode(group.column, view).state}` },
          card(group, groupName(group.column), groupNode(group.column, view)),
        ),
      ),
      ...layout.edges.flatMap((edge) => edgeLabel(edge, view.rates[edge.shape.id])),
    ],
  );
};

/** Four widths: an edge shows at a glance whether much, little or nothing flows. */
const widthOf = (rate: number | undefined): string => {
  if (rate === undefined) return "none";
  return rate === 0 ? "still" : rate < 1 ? "little" : rate < 20 ? "some" : "much";
};

function edgeLabel({ shape, labelX, labelY }: PlacedEdge, rate: number | undefined): VNode[] {
  if (shape.label === "none" || rate === undefined) return [];
  return [h("text", { class: rate === 0 ? "rate still" : "rate", x: labelX, y: labelY + 4 }, `${shortNumber(rate)}/s`)];
}

/** A box: sign, name, the word for what is wrong, figures. */
function card(box: Box, name: string, { state, word, lines }: NodeView, textHeight = box.height): VNode[] {
  const { x, y, width, height } = box;
  const room = width - 36;
  const rows = word === undefined ? lines : [word, ...lines];
  const most = Math.max(1, Math.floor((textHeight - sizes.name - sizes.pad + 2) / sizes.line));
  return [
    h("rect", { x, y, width, height, rx: 5 }),
    h("path", { class: "edge-bar", d: `M${x + 1.5} ${y + 5}v${height - 10}` }),
    sign(state, x + 10, y + 7),
    h("text", { class: "name", x: x + 30, y: y + 18.5 }, cut(name, room, boldLetter)),
    ...rows.slice(0, most).map((text, index) =>
      h(
        "text",
        {
          class: word !== undefined && index === 0 ? "word" : "line",
          x: x + 10,
          y: y + sizes.name + 12 + index * sizes.line,
        },
        cut(text, width - 14),
      ),
    ),
  ];
}

const groupName = (column: ColumnShape): string => `${column.nodes.length} ${column.many}`;
const order: readonly State[] = ["bad", "warn", "unknown", "ok"];

/** What is said of many boxes: how many are healthy, and which are not. */
function groupNode(column: ColumnShape, view: FlowView): NodeView {
  const all = column.nodes.map((shape) => ({ shape, node: nodeOf(view, shape) }));
  const faulty = all
    .filter(({ node }) => node.state !== "ok")
    .toSorted((one, other) => order.indexOf(one.node.state) - order.indexOf(other.node.state));
  const worst = faulty[0]?.node.state ?? "ok";
  const healthy = `${all.length - faulty.length} healthy`;
  if (faulty.length === 0) return { state: "ok", lines: [healthy] };
  const named = faulty.slice(0, 2).map(({ shape, node }) => `${shape.name}: ${node.word ?? stateWords[node.state]}`);
  const rest = faulty.length > 2 ? [`and ${faulty.length - 2} more`] : [];
  return { state: worst, word: `${faulty.length} not healthy`, lines: [...named, ...rest, healthy] };
}

/** The map in words: what a telephone shows and a screen reader reads. */
export const MapList = ({ path, view }: { path: PathShape; view: FlowView }): VNode =>
  h(
    "ol",
    { class: "map-list" },
    path.columns.map((column) =>
      h("li", {}, [
        h("h3", {}, column.title),
        h("ul", {}, [
          ...(column.frame ? [item(column.frame, view, path)] : []),
          ...(column.isGrouped
            ? [groupItem(column, view, path)]
            : column.nodes.map((shape) => item(shape, view, path))),
        ]),
      ]),
    ),
  );

const item = (shape: NodeShape, view: FlowView, path: PathShape): VNode =>
  entry(shape.id, shape.name, nodeOf(view, shape), view, path);

const groupItem = (column: ColumnShape, view: FlowView, path: PathShape): VNode =>
  h(
    "li",
    {},
    h("details", {}, [
      h("summary", {}, words(groupId(column), groupName(column), groupNode(column, view), view, path)),
      h(
        "ul",
        {},
        column.nodes.map((shape) => item(shape, view, path)),
      ),
    ]),
  );

const entry = (id: string, name: string, node: NodeView, view: FlowView, path: PathShape): VNode =>
  h("li", {}, words(id, name, node, view, path));

function words(
  id: string,
  name: string,
  { state, word, lines }: NodeView,
  view: FlowView,
  { edges }: PathShape,
): VNode[] {
  const rates = edges.flatMap((edge) => {
    const rate = view.rates[edge.id];
    return rate !== undefined && edge.label !== "none" && edge[edge.label] === id ? [`${shortNumber(rate)}/s`] : [];
  });
  return [
    h(Sign, { state, size: 14 }),
    h("span", { class: "name" }, name),
    h("span", { class: "rest" }, [
      word === undefined ? null : h("strong", {}, word),
      h("span", {}, [...rates, ...lines].join(" · ")),
    ]),
  ];
}
