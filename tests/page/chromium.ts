/** Debian's Chromium, for playwright-core, which brings none. Tests may run as root, where Chromium's own sandbox does not. */
export const chromiumOptions = { executablePath: "/usr/bin/chromium", args: ["--no-sandbox"] };
