// Unsent text per thread, kept over reloads. Storage may be full or forbidden: then drafts last a page's life.

const PREFIX = "netra.draft.";

export class Drafts {
  private readonly memory = new Map<string, string>();

  /** `user` keeps the drafts of two people at one browser apart. */
  constructor(
    private readonly user: string,
    private readonly storage: Pick<Storage, "getItem" | "setItem" | "removeItem"> | null,
  ) {}

  get(thread: string | null): string {
    const key = this.key(thread);
    try {
      return this.memory.get(key) ?? this.storage?.getItem(key) ?? "";
    } catch {
      return "";
    }
  }

  set(thread: string | null, text: string): void {
    const key = this.key(thread);
    this.memory.set(key, text);
    try {
      if (text === "") this.storage?.removeItem(key);
      else this.storage?.setItem(key, text);
    } catch {
      // kept in memory
    }
  }

  private key(thread: string | null): string {
    return `${PREFIX}${this.user}.${thread ?? "new"}`;
  }
}
