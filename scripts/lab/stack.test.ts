import { describe, expect, it } from "vitest";
import { labStacks } from "../engine/lab-stacks.ts";
import { stackSection, stackText } from "../engine/stack-config.ts";
import { derivedText, labSpec } from "./stack.ts";

const names = Object.keys(labStacks) as (keyof typeof labStacks)[];

describe.each(names)("the lab of stack %s", (name) => {
  it("has the addresses of the committed file", async () => {
    const spec = await labSpec(name, labStacks[name]);
    const hosts = stackSection(stackText(name), "hosts") as Record<string, { address: string }>;
    expect(spec).toMatchObject({ name, base: name, index: labStacks[name] });
    expect(spec.hosts.map(({ address }) => address)).toEqual(Object.values(hosts).map(({ address }) => address));
    for (const { address } of spec.hosts) expect(address).toContain(`10.203.${labStacks[name]}.`);
  });

  it("has one broker host with its own disk, which can be filled separately", async () => {
    const { hosts } = await labSpec(name, labStacks[name]);
    expect(hosts.filter(({ diskMb }) => diskMb !== undefined).map((host) => host.name)).toEqual(["bunny1"]);
  });

  it("can be derived with another subnet and its own keys, without other differences", () => {
    const text = stackText(name);
    const derived = derivedText(text, name, "trial", 77);
    expect(derived).not.toContain(`10.203.${labStacks[name]}.`);
    expect(derived).not.toContain(`labs/${name}/`);
    const back = derived
      .replaceAll("10.203.77.", `10.203.${labStacks[name]}.`)
      .replaceAll("labs/trial/", `labs/${name}/`);
    expect(back).toBe(text);
  });
});

describe("a lab", () => {
  it("with a committed stack's name is made from that stack only", async () => {
    await expect(labSpec("lab4", 4, "lab")).rejects.toThrow("is the lab of stack lab4, not of lab");
  });

  it("is made only from a stack that exists, under a name that is not a stack's", async () => {
    await expect(labSpec("trial", 7, "none")).rejects.toMatchObject({
      remedy: expect.stringContaining("lab, lab4, op"),
    });
    await expect(labSpec("op", 7, "op")).rejects.toMatchObject({
      remedy: "give the lab a name of its own: ./warren lab -s op --name op-lab",
    });
  });
});
