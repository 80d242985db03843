import type { FlowMap } from "./config.ts";

/** A box of the map: `lines` is the height that it keeps, in lines below its name. */
export interface NodeShape {
  readonly id: string;
  readonly name: string;
  readonly lines: number;
}

export interface ColumnShape {
  readonly title: string;
  /** What the nodes are called if they are shown as one, e.g. `pullers`. */
  readonly many: string;
  readonly nodes: readonly NodeShape[];
  /** A box around them, with a name and lines of its own. */
  readonly frame?: NodeShape;
  /** They are shown as one box, because they are too many. */
  readonly isGrouped: boolean;
}

/** `ends`: at which end its label has the most room. */
export interface EdgeShape {
  readonly id: string;
  readonly from: string;
  readonly to: string;
  readonly label: "from" | "to" | "none";
}

export interface PathShape {
  readonly id: string;
  readonly title: string;
  readonly columns: readonly ColumnShape[];
  readonly edges: readonly EdgeShape[];
}

/** More boxes than this in a column are shown as one. */
const groupMax = 8;

export const nodeIds = {
  server: (host: string) => `server:${host}`,
  cluster: (name: string) => `cluster:${name}`,
  member: (host: string) => `member:${host}`,
  queue: (name: string) => `queue:${name}`,
  puller: (host: string) => `puller:${host}`,
  placed: "placed",
  sender: (host: string, agent: string) => `sender:${host}/${agent}`,
  publicServer: (host: string) => `public:${host}`,
  clients: (host: string) => `clients:${host}`,
} as const;

/** What a column's edges are drawn to. */
export const groupId = (column: ColumnShape): string => `group:${column.many}`;

/** The boxes of a stack's map and what joins them, in fixed columns: the same for server and browser. */
export function mapShape(map: FlowMap): readonly PathShape[] {
  const paths = [...(map.radar ? [radarPath(map.radar)] : []), ...publicPath(map.publicServers)];
  return paths.map((path) => {
    const columns = path.columns.map((column) => ({ ...column, isGrouped: column.nodes.length > groupMax }));
    return { ...path, columns, edges: withGroups(path.edges, columns) };
  });
}

/** Edges of a group's nodes become one. */
function withGroups(edges: readonly EdgeShape[], columns: readonly ColumnShape[]): EdgeShape[] {
  const groups = new Map(
    columns.flatMap((column) => (column.isGrouped ? column.nodes.map(({ id }) => [id, groupId(column)] as const) : [])),
  );
  const joined = edges.map((edge) => {
    const [from, to] = [groups.get(edge.from) ?? edge.from, groups.get(edge.to) ?? edge.to];
    return { ...edge, from, to, id: from === edge.from && to === edge.to ? edge.id : `${from}>${to}` };
  });
  return [...new Map(joined.map((edge) => [edge.id, edge])).values()];
}

type Column = Omit<ColumnShape, "isGrouped">;
interface Path extends Omit<PathShape, "columns"> {
  readonly columns: readonly Column[];
}

function radarPath({ servers, cluster, members, queues, pullers }: NonNullable<FlowMap["radar"]>): Path {
  const broker = nodeIds.cluster(cluster);
  const queue = (name: string) => nodeIds.queue(name);
  const columns: Column[] = [
    {
      ...{ title: "Radar servers", many: "radar servers" },
      nodes: servers.map(({ host }) => ({ id: nodeIds.server(host), name: host, lines: 2 })),
    },
    {
      ...{ title: "Brokers", many: "brokers" },
      frame: { id: broker, name: cluster, lines: 2 },
      nodes: members.map((host) => ({ id: nodeIds.member(host), name: host, lines: 1 })),
    },
    {
      ...{ title: "Queues", many: "queues" },
      nodes: [queues.input, queues.pull, queues.dead].map((name) => ({ id: queue(name), name, lines: 1 })),
    },
    {
      ...{ title: "Pullers", many: "pullers" },
      nodes: pullers.map((host) => ({ id: nodeIds.puller(host), name: host, lines: 1 })),
    },
    {
      ...{ title: "Receiver queues", many: "receiver queues" },
      nodes: [{ id: nodeIds.placed, name: "Products placed", lines: 2 }],
    },
  ];
  const edges: EdgeShape[] = [
    ...servers.map(({ host }) => edge(nodeIds.server(host), broker, "from")),
    ...[queues.input, queues.pull, queues.dead].map((name) => edge(broker, queue(name), "to")),
    ...pullers.map((host) => edge(queue(queues.pull), nodeIds.puller(host), "to")),
    ...pullers.map((host) => edge(nodeIds.puller(host), nodeIds.placed, "none")),
  ];
  return { id: "radar", title: "Radar products", columns, edges };
}

function publicPath(servers: FlowMap["publicServers"]): Path[] {
  if (servers.length === 0) return [];
  const senders = servers.flatMap((server) =>
    server.senders.map(({ host, agent }) => ({ id: nodeIds.sender(host, agent), name: `${host} ${agent}`, server })),
  );
  const columns: Column[] = [
    {
      ...{ title: "Senders", many: "senders" },
      nodes: senders.map(({ id, name }) => ({ id, name, lines: 1 })),
    },
    {
      ...{ title: "Public data servers", many: "public data servers" },
      nodes: servers.map(({ host }) => ({ id: nodeIds.publicServer(host), name: host, lines: 2 })),
    },
    {
      ...{ title: "Clients", many: "clients" },
      nodes: servers.map(({ host }) => ({ id: nodeIds.clients(host), name: `clients of ${host}`, lines: 1 })),
    },
  ];
  const edges = [
    ...senders.map(({ id, server }) => edge(id, nodeIds.publicServer(server.host), "from")),
    ...servers.map(({ host }) => edge(nodeIds.publicServer(host), nodeIds.clients(host), "to")),
  ];
  return [{ id: "public", title: "Public data", columns, edges }];
}

const edge = (from: string, to: string, label: EdgeShape["label"]): EdgeShape => ({
  id: `${from}>${to}`,
  from,
  to,
  label,
});
