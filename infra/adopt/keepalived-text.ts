/** A statement of keepalived.conf: its words, and the statements in its braces. */
export interface Statement {
  readonly words: readonly string[];
  /** Counts from 1. */
  readonly line: number;
  readonly block?: readonly Statement[];
}

interface Token {
  readonly text: string;
  readonly line: number;
  /** The first token of a line, which starts a new statement. */
  readonly first: boolean;
  readonly quoted: boolean;
}

/**
 * Parses keepalived.conf like keepalived: one statement per line, `{` opens its block, `#` and `!` start comments, words in double quotes may
 * contain blanks. Unbalanced braces are no error: open blocks end at the end of the file.
 */
export function parseKeepalived(text: string): Statement[] {
  const tokens = text.split("\n").flatMap((line, index) => tokensOf(line, index + 1));
  let at = 0;
  return statements();

  function statements(): Statement[] {
    const found: Statement[] = [];
    while (at < tokens.length) {
      const [token] = tokens.slice(at, at + 1);
      if (!token || isSign(token, "}")) {
        at += 1;
        return found;
      }
      found.push(statement());
    }
    return found;
  }

  function statement(): Statement {
    const words: string[] = [];
    const line = tokens[at]?.line ?? 0;
    for (let token = tokens[at]; token; token = tokens[at]) {
      if (isSign(token, "{")) {
        at += 1;
        return { words, line, block: statements() };
      }
      // A brace may be on the line after its keyword.
      if (isSign(token, "}") || (token.first && words.length > 0)) break;
      words.push(token.text);
      at += 1;
    }
    return { words, line };
  }
}

const isSign = (token: Token, sign: "{" | "}"): boolean => !token.quoted && token.text === sign;

function tokensOf(raw: string, line: number): Token[] {
  const tokens: Token[] = [];
  for (const [word, quoted] of raw.matchAll(/"([^"]*)"|[#!].*$|[{}]|[^\s{}"]+/g)) {
    if (quoted === undefined && /^[#!]/.test(word)) break;
    const first = tokens.length === 0 && word !== "{";
    tokens.push({ text: quoted ?? word, line, first, quoted: quoted !== undefined });
  }
  return tokens;
}
