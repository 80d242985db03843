import type { Term } from "../../templates/erlang-terms.ts";
import type { LdapCase, LdapOperand, LdapQuery } from "../config/ldap-query.ts";
import { allOf, atomOf, textOf, tupleOf } from "./terms.ts";

/** A query of RabbitMQ's LDAP plugin in the form of the config; undefined if the config can't express it. */
export function readQuery(term: Term): LdapQuery | undefined {
  const [name, first, second, ...rest] = tupleOf(term) ?? [];
  if (rest.length > 0 || first === undefined) return undefined;
  switch (atomOf(name)) {
    case "constant":
      return typeof first === "boolean" && second === undefined ? first : undefined;
    case "in_group":
      return group("inGroup", first, second);
    case "in_group_nested":
      return group("inGroupNested", first, second);
    case "exists":
      return withText(first, (exists) => ({ exists }));
    case "not":
      return withValue(readQuery(first), (not) => ({ not }));
    case "and":
      return withValue(allOf(first, readQuery), (and) => ({ and }));
    case "or":
      return withValue(allOf(first, readQuery), (or) => ({ or }));
    case "equals":
      return withValue(operands(first, second), (equals) => ({ equals }));
    case "match":
      return withValue(operands(first, second), (match) => ({ match }));
    case "for":
      return withValue(allOf(first, readCase), (cases) => ({ for: cases }));
    default:
      return undefined;
  }
}

function group(key: "inGroup" | "inGroupNested", dn: Term, attribute: Term | undefined): LdapQuery | undefined {
  const name = textOf(attribute);
  if (attribute !== undefined && name === undefined) return undefined;
  return withText(dn, (text) =>
    key === "inGroup"
      ? { inGroup: text, ...(name ? { attribute: name } : {}) }
      : { inGroupNested: text, ...(name ? { attribute: name } : {}) },
  );
}

function readCase(term: Term): LdapCase | undefined {
  const [kind, value, query] = tupleOf(term) ?? [];
  if (value === undefined || query === undefined) return undefined;
  const read = readQuery(query);
  if (read === undefined) return undefined;
  const word = atomOf(value);
  switch (atomOf(kind)) {
    case "permission":
      return word === "configure" || word === "write" || word === "read"
        ? { permission: word, query: read }
        : undefined;
    case "resource":
      return word === "exchange" || word === "queue" || word === "topic" ? { resource: word, query: read } : undefined;
    case "vhost":
      return withText(value, (vhost) => ({ vhost, query: read }));
    default:
      return undefined;
  }
}

function operands(first: Term, second: Term | undefined): [LdapOperand, LdapOperand] | undefined {
  const left = operand(first);
  const right = second === undefined ? undefined : operand(second);
  return left === undefined || right === undefined ? undefined : [left, right];
}

function operand(term: Term): LdapOperand | undefined {
  const [name, value, attribute] = tupleOf(term) ?? [];
  if (name === undefined) return textOf(term);
  if (atomOf(name) === "string") return textOf(value);
  const [of, text] = [textOf(value), textOf(attribute)];
  return atomOf(name) === "attribute" && of !== undefined && text !== undefined ? { attribute: text, of } : undefined;
}

const withText = <T>(term: Term, make: (text: string) => T): T | undefined => withValue(textOf(term), make);

const withValue = <V, T>(value: V | undefined, make: (value: V) => T): T | undefined =>
  value === undefined ? undefined : make(value);
