import { type Action, anyHost, anyLine, strike } from "./action.ts";
import type { Host } from "./host.ts";
import { queueNumber, sources } from "./message.ts";
import { times, type World } from "./world.ts";

/** Faults and their repairs. */
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
    name: "the queue suspects the consumer that it feeds",
    weight: 3,
    act: (world) => {
      const { broker, choices, hosts } = world;
      const line = broker.consumers[queueNumber.input]?.[0];
      // During an alarm a channel's publishes wait unread for longer than any confirm: not modelled, see simulation.test.ts.
      if (!line || line.cut === "wire" || broker.blocked) return false;
      // A suspicion has an effect only if another consumer waits, so let both hosts believe that they hold the address.
      for (const host of hosts) {
        if (!host.core || host.input === line) continue;
        host.connect();
        host.believe(true);
        if (host.input) broker.read(host.input, host.input.up.length);
      }
      if ((broker.consumers[queueNumber.input]?.length ?? 0) < 2) return false;
      strike(world, "suspicion", line);
      if (line.cut === "") line.cutSinceMs = world.nowMs;
      line.cut = "link";
      while (world.nowMs - line.cutSinceMs < times.suspicionMs) {
        // Processes keep running: one that hangs for longer than the broker waits is not modelled.
        world.advance(times.suspicionMs / 10);
        for (const host of hosts) {
          while ((host.input && host.readFrame(host.input)) || (host.ledger && host.readFrame(host.ledger))) {}
          host.tick();
        }
        // The channel's node finds a dead client before the queue suspects the node.
        if (!line.clientSees) line.up.push({ op: "close" });
        broker.read(line, 1);
      }
      broker.suspect(line);
      const next = hosts.find((host) => host.input === broker.consumers[queueNumber.input]?.[0]);
      if (next && choices.chance(50)) interlude(world, next);
      if (choices.chance(60)) {
        line.cut = "";
        broker.feed(line.queue);
      }
      return true;
    },
  },
  {
    name: "a node dies or returns",
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
      for (let queue = 0; queue < broker.queueCount; queue++) {
        if (broker.leader[queue] === node) broker.stalled[queue] = true;
      }
      for (const line of [...broker.lines]) {
        if (line.node !== node) continue;
        strike(world, "node dies", line);
        broker.end(line, choices.below(3));
      }
      return true;
    },
  },
  {
    name: "a queue gains or loses its leader",
    weight: 3,
    act: (world) => {
      const { broker, choices } = world;
      const queue = choices.below(broker.queueCount);
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
    name: "bindings disappear or return",
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
      if (!broker.blocked && broker.lines.some(({ cut }) => cut === "link")) return false;
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
        // Between two effects, at a later time.
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
    name: "a partition of the brokers starts or ends",
    weight: 3,
    needs: "partitions",
    act: (world) => {
      if (world.broker.losing === undefined) world.part(world.choices.below(world.hosts.length));
      else world.join();
      return true;
    },
  },
  {
    name: "a radar server dies",
    weight: 1,
    needs: "serversDie",
    act: (world) => {
      const { announcers, choices } = world;
      if (announcers.some(({ isAlive }) => !isAlive)) return false;
      const announcer = announcers[choices.below(announcers.length)];
      world.note?.(`${sources[announcer?.source ?? 0]} dies`);
      announcer?.die();
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

/** The other consumer processes all messages, and its address leaves: the first one never notices that it was inactive. */
function interlude(world: World, host: Host): void {
  const { broker, choices } = world;
  const product = choices.below(world.setting.productCount);
  world.announce(product, 0);
  for (let round = 0; round < 8; round++) {
    for (const line of [host.input, host.ledger]) {
      if (!line) continue;
      broker.read(line, line.up.length);
      for (let queue = 0; queue < broker.queueCount; queue++) while (broker.landNext(line, queue)) {}
      while (line.clientSees && host.readFrame(line)) {}
    }
    host.sync();
  }
  host.believe(false);
  if (host.input) broker.read(host.input, host.input.up.length);
  world.announce(product, 1);
}
