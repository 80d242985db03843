// Parts of undici by themselves: all of it would add 700 kB of code to each program that fetches something, which keeps it in memory.
declare module "undici/lib/dispatcher/agent.js" {
  import { Agent } from "undici";

  export default Agent;
}
declare module "undici/lib/core/errors.js" {
  import { errors } from "undici";

  export default errors;
}
