/** Text from data inside other languages. CSV has its own rule: `encodeCsv`. */

/**
 * Text as content or quoted attribute of HTML, SVG or XML. Characters that XML does not allow, such as NUL and halves of
 * surrogate pairs, are shown as U+FFFD, so that no name makes a file unreadable.
 */
export function escapeMarkup(text: string): string {
  return allowed(text).replace(/[&<>"']/g, (character) => entities[character]);
}

const entities: Record<string, string> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** Without what XML 1.0 forbids: controls but tab and line ends, lone surrogates, U+FFFE and U+FFFF. */
function allowed(text: string): string {
  return text.toWellFormed().replace(
    /[^\t\n\r\u{20}-\u{7e}\u{85}\u{a0}-\u{fffd}\u{10000}-\u{10ffff}]/gu,
    "\u{fffd}",
  );
}
