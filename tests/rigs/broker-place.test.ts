import { describe, expect, test } from "vitest";
import { maskPassword, parseBrokerUrl, uniquePlace } from "./broker-place.ts";

describe("a broker's URL", () => {
  test("is parsed with its escapes; port, vhost and user have AMQP's defaults", () => {
    expect(parseBrokerUrl("amqp://feeder:p%40ss%2Fword@bunny-op:5673/my%2Fvhost")).toEqual({
      host: "bunny-op:5673",
      vhost: "my/vhost",
      user: "feeder",
      password: "p@ss/word",
    });
    expect(parseBrokerUrl("amqp://bunny-op")).toEqual({
      host: "bunny-op:5672",
      vhost: "/",
      user: "guest",
      password: "guest",
    });
  });

  test.each(["nonsense", "http://bunny-op/", "amqps://feeder:secret@bunny-op/", "amqp://feeder:secret%zz@bunny-op/"])(
    "that is invalid is refused as a wrong command line, without its password: %s",
    (url) => {
      expect(() => parseBrokerUrl(url)).toThrow(expect.objectContaining({ name: "ConfigError" }));
      expect(() => parseBrokerUrl(url)).not.toThrow(/secret/);
    },
  );

  test("is shown without its password", () => {
    expect(maskPassword("amqp://feeder:secret@bunny-op/")).toBe("amqp://feeder:***@bunny-op/");
    expect(maskPassword("amqp://bunny-op:5672/")).toBe("amqp://bunny-op:5672/");
  });
});

describe("a run's names on a broker", () => {
  test("are unique, and match the permissions and policies for ^cmc\\.", () => {
    const [one, other] = [uniquePlace("amqp://bunny-op/"), uniquePlace("amqp://bunny-op/")];
    expect(one.exchange).not.toBe(other.exchange);
    for (const name of [one.exchange, one.inputQueue, one.pullQueue, one.ledgerQueue]) expect(name).toMatch(/^cmc\./);
  });
});
