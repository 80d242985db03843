import { type Action, anyHost, anyLine, strike } from "./action.ts";
import { queueCount } from "./message.ts";
import { times } from "./world.ts";

/** What goes wrong, or is mended again. */
export const faults: readonly Action[] = [
  {
    name: "the broker finds a connection dead",
    weight: 3,
    act: (world) => {
      const line = anyLine(world);
      if (!line) return false;
      strike(world, "broker finds it dead", line);
      world.broker.end(line, world.choices.below(4));
      return true;
    },
  },
  {
    name: "a client finds its connection dead",
    weight: 2,
    act: (world) => {
      const host = anyHost(world);
      if (!host.connection.isOpen) return false;
      const gone = host.input?.brokerSees === false || host.ledger?.brokerSees === false;
      if (!gone && world.choices.chance(60)) return false;
      world.points.hit("client finds it dead", host);
      host.noticeLoss(world.choices.chance(50));
      return true;
    },
  },
  {
    name: "a wire or link is cut, or heals",
    weight: 2,
    act: (world) => {
      const line = anyLine(world);
      if (!line) return false;
      line.cut = line.cut === "" ? (world.choices.chance(50) ? "wire" : "link") : "";
      line.cutSinceMs = world.nowMs;
      strike(world, `cut ${line.cut}`, line);
      if (line.cut === "") world.broker.feed(line.queue);
      return true;
    },
  },
  {
    name: "the queue suspects a consumer behind a cut",
    weight: 2,
    act: (world) => {
      const line = world.lines().find((each) => each.cut === "link" && each.queue === 0);
      if (!line || world.nowMs - line.cutSinceMs < times.suspicionMs) return false;
      const owner = world.hosts.find((host) => host.input === line);
      // The node that has the channel learns of a client's end sooner than the queue suspects the node.
      if (!line.clientSees && line.up.length > 0) return false;
      // A process that hangs for longer than the broker waits is none of this model: it would have to be cut off from outside.
      if (owner && owner.lastTickMs < world.nowMs - 500) return false;
      strike(world, "suspicion", line);
      world.broker.suspect(line);
      return true;
    },
  },
  {
    name: "a node dies, or comes back",
    weight: 1,
    act: (world) => {
      const { broker, choices } = world;
      const node = choices.below(broker.nodeUp.length);
      if (!broker.nodeUp[node]) {
        broker.nodeUp[node] = true;
        return true;
      }
      if (broker.nodeUp.filter((up) => up).length < 3) return false;
      broker.nodeUp[node] = false;
      world.note?.(`node ${node} dies`);
      for (let queue = 0; queue < queueCount; queue++) if (broker.leader[queue] === node) broker.stalled[queue] = true;
      for (const line of [...broker.lines]) {
        if (line.node !== node) continue;
        strike(world, "node dies", line);
        broker.end(line, choices.below(3));
      }
      return true;
    },
  },
  {
    name: "a queue gets a leader, or loses it",
    weight: 3,
    act: (world) => {
      const { broker, choices } = world;
      const queue = choices.below(queueCount);
      broker.stalled[queue] = !broker.stalled[queue] && choices.chance(40);
      if (!broker.stalled[queue]) {
        broker.leader[queue] = broker.nodeUp.indexOf(true);
        broker.feed(queue);
      }
      return true;
    },
  },
  {
    name: "a queue refuses publishes",
    weight: 1,
    act: (world) => {
      world.broker.refusals += 1 + world.choices.below(2);
      return true;
    },
  },
  {
    name: "bindings go, or come",
    weight: 1,
    act: (world) => {
      world.broker.unbound = !world.broker.unbound && world.choices.chance(30);
      return true;
    },
  },
  {
    name: "an alarm blocks publishers, or ends",
    weight: 1,
    act: (world) => {
      const { broker } = world;
      broker.blocked = !broker.blocked && world.choices.chance(40);
      for (const host of world.hosts) {
        if (!host.connection.isOpen) continue;
        world.points.hit(broker.blocked ? "alarm" : "alarm ends", host);
        host.tell({ type: broker.blocked ? "blocked" : "unblocked" });
      }
      return true;
    },
  },
  {
    name: "a process or host dies",
    weight: 2,
    act: (world) => {
      const host = anyHost(world);
      if (!host.core) return false;
      const { choices } = world;
      if (choices.chance(60)) {
        // Between two effects, some time.
        host.crashIn = 1 + choices.below(12);
        return true;
      }
      world.points.hit("host dies", host);
      host.die(choices.below(host.journal.records.length + 1));
      return true;
    },
  },
  {
    name: "a dispatcher is stopped",
    weight: 1,
    act: (world) => {
      const host = anyHost(world);
      if (!host.core || host.stopping) return false;
      world.points.hit("stop", host);
      host.stopping = true;
      host.tell({ type: "stop" });
      return true;
    },
  },
  {
    name: "a long time passes",
    weight: 1,
    act: (world) => {
      if (!world.choices.chance(35)) return false;
      for (const host of world.hosts) world.points.hit("long time", host);
      world.advance(times.windowMs / 3 + world.choices.below(times.windowMs));
      for (const host of world.hosts) host.tick();
      return true;
    },
  },
];
