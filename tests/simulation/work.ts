import { type Action, anyHost, anyLine } from "./action.ts";
import { sources } from "./message.ts";

/** Announcements in one schedule. */
export const announcedMax = 24;

/** Normal work, in single steps that can happen in any order. */
export const work: readonly Action[] = [
  {
    name: "an announcement arrives",
    weight: 8,
    act: (world) => {
      if (world.announced >= announcedMax) return false;
      world.announce(world.choices.below(world.setting.productCount), world.choices.below(sources.length));
      return true;
    },
  },
  {
    name: "an announcer repeats an announcement",
    weight: 6,
    act: (world) => world.announcers[world.choices.below(sources.length)]?.announceAgain() ?? false,
  },
  {
    name: "the broker reads",
    weight: 22,
    act: (world) => {
      const line = anyLine(world, ({ up, cut }) => up.length > 0 && cut !== "wire");
      return line !== undefined && world.broker.read(line, 1 + world.choices.below(6)) > 0;
    },
  },
  {
    name: "a dispatcher reads",
    weight: 30,
    act: (world) => {
      const line = anyLine(world, ({ down, clientSees, prefetch }) => down.length > 0 && clientSees && prefetch > 0);
      const host = world.hosts.find((each) => each.input === line || each.ledger === line);
      if (!host || !line) return false;
      let count = 0;
      const most = 1 + world.choices.below(4);
      while (count < most && line.clientSees && host.readFrame(line)) count++;
      return count > 0;
    },
  },
  {
    name: "a publish reaches a queue",
    weight: 10,
    act: (world) => {
      const line = anyLine(world, ({ publishing }) => publishing.length > 0);
      const { broker, choices } = world;
      const { queueCount } = broker;
      const first = choices.below(queueCount);
      for (let step = 0; line && step < queueCount; step++) {
        if (broker.landNext(line, (first + step) % queueCount)) return true;
      }
      return false;
    },
  },
  {
    name: "a dispatcher gets a tick",
    weight: 7,
    act: (world) => {
      world.advance(world.choices.below(60));
      for (const host of world.hosts) host.tick();
      return true;
    },
  },
  {
    name: "a journal is synced",
    weight: 6,
    act: (world) => {
      anyHost(world).sync();
      return true;
    },
  },
  {
    name: "a puller works",
    weight: 9,
    act: (world) => world.pullers[world.choices.below(world.pullers.length)]?.work(true) ?? false,
  },
  {
    name: "a dispatcher connects or starts",
    weight: 6,
    act: (world) => {
      const host = anyHost(world);
      if (host.core && host.connection.isOpen) return false;
      if (!host.core) host.start();
      else host.connect();
      return true;
    },
  },
  {
    name: "a virtual IP moves",
    weight: 2,
    act: (world) => {
      const host = anyHost(world);
      world.points.hit(host.believes ? "address leaves" : "address comes", host);
      host.believe(!host.believes);
      // Usually one host has it; sometimes both or none believe so.
      if (world.choices.chance(70)) for (const other of world.hosts) if (other !== host) other.believe(!host.believes);
      return true;
    },
  },
  {
    name: "a dispatcher checks the pull queue",
    weight: 3,
    act: (world) => anyHost(world).lookAtOutput(),
  },
  {
    name: "seconds pass",
    weight: 2,
    act: (world) => {
      const stepMs = 200 + world.choices.below(1500);
      for (let step = 0; step < 2; step++) {
        world.advance(stepMs);
        for (const host of world.hosts) host.tick();
      }
      return true;
    },
  },
];
