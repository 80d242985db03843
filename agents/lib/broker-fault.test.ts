import { expect, test } from "vitest";
import { describeBrokerFault } from "./broker-fault.ts";

const config = { user: "feeder", vhost: "radar" };
const describe = (text: string): string => describeBrokerFault(new Error(text), config);

test("for a config mistake the broker's fault names the key to check, and keeps the broker's message", () => {
  const login =
    'Handshake terminated by server: 403 (ACCESS-REFUSED) with message "ACCESS_REFUSED - Login was refused"';
  expect(describe(login)).toBe(
    `the broker refuses user feeder: check broker.user and the password in broker.passwordFile (${login})`,
  );
  expect(describe("Expected ConnectionOpenOk; got <ConnectionClose channel:0>")).toMatch(/no vhost radar/);
  expect(describe("ACCESS_REFUSED - access to queue 'x' in vhost '/' refused for user")).toMatch(/lacks a permission/);
  expect(describe("PRECONDITION_FAILED - inequivalent arg 'type' for exchange 'cmc'")).toMatch(
    /exists with other properties/,
  );
  const unequal = "PRECONDITION_FAILED - inequivalent arg 'x-message-ttl' for queue 'cmc.urp.ledger.a' in vhost '/'";
  expect(describe(unequal)).toMatch(
    /^queue cmc\.urp\.ledger\.a .* a different x-message-ttl: .* delete_queue cmc\.urp\.ledger\.a\)/,
  );
  expect(describe("Frame size 1345270062 exceeds maxFrameSize 67108864")).toMatch(/does not speak AMQP/);
});

test("network faults are unchanged; those of several addresses are joined", () => {
  expect(describe("connect ECONNREFUSED 127.0.0.1:1")).toBe("connect ECONNREFUSED 127.0.0.1:1");
  const both = new AggregateError([new Error("refused ::1"), new Error("refused 127.0.0.1")]);
  expect(describeBrokerFault(both, config)).toBe("refused ::1; refused 127.0.0.1");
});
