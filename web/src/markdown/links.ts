// Which addresses from a model or a tool may become a link.

const ALLOWED = new Set(["http:", "https:", "mailto:"]);

/**
 * The address as the browser would read it, or null when it must stay inert. An allow-list, on the
 * parsed form: `java\nscript:`, entities and upper case are all seen for what they are. Relative
 * addresses are refused, because a model has no business pointing into this server.
 */
export function safeLink(address: string): string | null {
  try {
    const url = new URL(address);
    return ALLOWED.has(url.protocol) ? url.href : null;
  } catch {
    return null;
  }
}
