import type { ColumnShape, EdgeShape, NodeShape, PathShape } from "../map-shape.ts";
import { groupId } from "../map-shape.ts";

export interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

interface PlacedNode extends Box {
  readonly shape: NodeShape;
}

/** Many nodes, shown as one box. */
interface PlacedGroup extends Box {
  readonly column: ColumnShape;
}

export interface PlacedEdge {
  readonly shape: EdgeShape;
  /** An SVG path. */
  readonly path: string;
  readonly labelX: number;
  readonly labelY: number;
}

export interface Layout {
  readonly width: number;
  readonly height: number;
  readonly titles: readonly { readonly x: number; readonly text: string }[];
  readonly frames: readonly PlacedNode[];
  readonly nodes: readonly PlacedNode[];
  readonly groups: readonly PlacedGroup[];
  readonly edges: readonly PlacedEdge[];
}

/** In the SVG's units, which are pixels where there is room. */
export const sizes = { width: 1180, node: 180, wide: 250, title: 26, line: 16, name: 24, gap: 10, pad: 8 } as const;
/** Height of a group: its name, and three lines. */
const groupLines = 4;

const heightOf = ({ lines }: NodeShape): number => sizes.name + lines * sizes.line + sizes.pad;

/** What a frame has above its nodes. */
export const frameHead = heightOf;

function columnHeight(column: ColumnShape): number {
  if (column.isGrouped) return sizes.name + groupLines * sizes.line + sizes.pad;
  const nodes = column.nodes.reduce((sum, one) => sum + heightOf(one) + sizes.gap, -sizes.gap);
  return column.frame ? nodes + frameHead(column.frame) + sizes.gap : nodes;
}

/** Where everything is: fixed columns, each in the middle of the height. Pure: the same for server and browser. */
export function layoutOf(path: PathShape): Layout {
  const { columns } = path;
  const inner = Math.max(...columns.map(columnHeight));
  const nodeWidth = columns.length < 4 ? sizes.wide : sizes.node;
  const step = columns.length > 1 ? (sizes.width - nodeWidth - 2) / (columns.length - 1) : 0;
  const placed = columns.map((column, index) => {
    const x = 1 + index * step;
    const top = sizes.title + (inner - columnHeight(column)) / 2;
    return placedColumn(column, { x, y: top, width: nodeWidth, height: columnHeight(column) });
  });
  const frames = placed.flatMap((one) => one.frames);
  const nodes = placed.flatMap((one) => one.nodes);
  const groups = placed.flatMap((one) => one.groups);
  const boxes = new Map<string, Box>([
    ...[...frames, ...nodes].map((one) => [one.shape.id, one] as const),
    ...groups.map((one) => [groupId(one.column), one] as const),
  ]);
  return {
    ...{ width: sizes.width, height: sizes.title + inner + 2, frames, nodes, groups },
    titles: columns.map(({ title }, index) => ({ x: 1 + index * step, text: title })),
    edges: placedEdges(path.edges, boxes),
  };
}

function placedColumn(column: ColumnShape, box: Box) {
  if (column.isGrouped) return { frames: [], nodes: [], groups: [{ ...box, column }] };
  const { frame } = column;
  let y = box.y + (frame ? frameHead(frame) : 0);
  const inset = frame ? sizes.pad : 0;
  const nodes = column.nodes.map((shape): PlacedNode => {
    const node = { shape, x: box.x + inset, y, width: box.width - 2 * inset, height: heightOf(shape) };
    y += node.height + sizes.gap;
    return node;
  });
  return { frames: frame ? [{ ...box, shape: frame }] : [], nodes, groups: [] };
}

/** Edges end at their box's middle, or next to each other if several do. */
function placedEdges(edges: readonly EdgeShape[], boxes: ReadonlyMap<string, Box>): PlacedEdge[] {
  const portOf = (id: string, end: "from" | "to", edge: EdgeShape): number => {
    const box = boxes.get(id);
    const all = edges.filter((one) => one[end] === id);
    if (!box) return 0;
    const spread = Math.min(box.height - 16, (all.length - 1) * 14);
    const place = all.length > 1 ? all.indexOf(edge) / (all.length - 1) - 0.5 : 0;
    return box.y + box.height / 2 + place * spread;
  };
  return edges.flatMap((shape) => {
    const [from, to] = [boxes.get(shape.from), boxes.get(shape.to)];
    if (!from || !to) return [];
    const [x1, x2] = [from.x + from.width, to.x];
    const [y1, y2] = [portOf(shape.from, "from", shape), portOf(shape.to, "to", shape)];
    const middle = (x1 + x2) / 2;
    const path = `M${round(x1)} ${round(y1)}C${round(middle)} ${round(y1)} ${round(middle)} ${round(y2)} ${round(x2)} ${round(y2)}`;
    const isFrom = shape.label === "from";
    return [{ shape, path, labelX: isFrom ? x1 + 24 : x2 - 26, labelY: isFrom ? y1 : y2 }];
  });
}

const round = (value: number): number => Math.round(value * 10) / 10;
