/** One statement of keepalived.conf: its words, and what stands in its braces. */
export interface Statement {
  readonly words: readonly string[];
  /** Counts from 1. */
  readonly line: number;
  readonly block?: readonly Statement[];
}

interface Token {
  readonly text: string;
  readonly line: number;
  /** Begins a line: a new statement begins here. */
  readonly first: boolean;
  readonly quoted: boolean;
}

/**
 * Reads keepalived.conf as keepalived reads it: a statement a line, `{` opens its block, `#` and `!` begin comments, words in double quotes
 * may have blanks. Braces that don't match are no error here: what is open at the end ends there.
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
      // A brace may stand on the line after its keyword.
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
