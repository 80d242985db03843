import { expect, test } from "vitest";
import { describeBrokerFault } from "./broker-fault.ts";

const config = { user: "feeder", vhost: "radar" };
const describe = (text: string): string => describeBrokerFault(new Error(text), config);

test("what a mistake in the config makes the broker say names the key to look at, and keeps the broker's words", () => {
  const login =
    'Handshake terminated by server: 403 (ACCESS-REFUSED) with message "ACCESS_REFUSED - Login was refused"';
  expect(describe(login)).toBe(
    `the broker refuses user feeder: look at broker.user and at the password in broker.passwordFile (${login})`,
  );
  expect(describe("Expected ConnectionOpenOk; got <ConnectionClose channel:0>")).toMatch(/no vhost radar/);
  expect(describe("ACCESS_REFUSED - access to queue 'x' in vhost '/' refused for user")).toMatch(/lacks a permission/);
  expect(describe("PRECONDITION_FAILED - inequivalent arg 'type' for exchange 'cmc'")).toMatch(/there already/);
  const unequal = "PRECONDITION_FAILED - inequivalent arg 'x-message-ttl' for queue 'cmc.urp.ledger.a' in vhost '/'";
  expect(describe(unequal)).toMatch(
    /^queue cmc\.urp\.ledger\.a .* another x-message-ttl: .* delete_queue cmc\.urp\.ledger\.a\)/,
  );
  expect(describe("Frame size 1345270062 exceeds maxFrameSize 67108864")).toMatch(/does not speak AMQP/);
});

test("faults of the network stay as they are, those of several addresses together", () => {
  expect(describe("connect ECONNREFUSED 127.0.0.1:1")).toBe("connect ECONNREFUSED 127.0.0.1:1");
  const both = new AggregateError([new Error("refused ::1"), new Error("refused 127.0.0.1")]);
  expect(describeBrokerFault(both, config)).toBe("refused ::1; refused 127.0.0.1");
});
