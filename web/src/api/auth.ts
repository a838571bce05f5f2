// The HTTP beside the socket: login, logout and who is logged in. The cookie is the browser's business.

export interface User {
  user_id: string;
  tenant_id: string;
  /** Left out for people of another issuer. */
  email?: string;
  roles: string[];
  /** When the present token ends; `renew` gives another. */
  expires_at: string;
}

/** What to tell the person when a login did not work. */
export class LoginError extends Error {}

export async function login(email: string, password: string): Promise<void> {
  const answer = await post("/auth/login", { email, password });
  if (answer.ok) return;
  if (answer.status === 401) throw new LoginError("Email and password do not match an account. Check both and try again.");
  if (answer.status === 429) throw new LoginError("Too many attempts. Wait a minute, then try again.");
  throw new LoginError((await reason(answer)) ?? "The server cannot log anybody in right now. Try again shortly.");
}

export async function loginByLink(token: string): Promise<void> {
  const answer = await post("/auth/login/link", { token });
  if (!answer.ok) throw new LoginError("This login link was used before or has expired. Log in with your password.");
}

/** A token for the same session that lasts longer, also as a new cookie; null when there is none to be had. */
export async function renew(): Promise<string | null> {
  const answer = await post("/auth/renew", {});
  return answer.ok ? ((await answer.json()) as { access_token: string }).access_token : null;
}

export async function logout(): Promise<void> {
  await post("/auth/logout", {});
}

/** The logged-in user, or null. Rejects when the server cannot be reached, which says nothing about the login. */
export async function me(): Promise<User | null> {
  const answer = await fetch("/auth/me", { credentials: "same-origin", cache: "no-store" });
  if (answer.status === 401 || answer.status === 403) return null;
  if (!answer.ok) throw new Error(`The server answered ${answer.status}.`);
  return (await answer.json()) as User;
}

async function post(path: string, body: object): Promise<Response> {
  try {
    return await fetch(path, {
      method: "POST",
      credentials: "same-origin",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
  } catch {
    throw new LoginError("The server cannot be reached. Check that it runs, then try again.");
  }
}

/** The server's own sentence, where its answer has one. */
async function reason(answer: Response): Promise<string | null> {
  const body = (await answer.json().catch(() => null)) as { error?: { message?: unknown } } | null;
  return typeof body?.error?.message === "string" ? body.error.message : null;
}

const LINK = /(?:^|[#&])login=([^&]+)/;

/**
 * The one-time token of a login link, taken out of the address at once: it must stay in no history
 * entry. It travels in the fragment because fragments are sent to no server and stand in no log.
 */
export function takeLinkToken(place: Location, history: History): string | null {
  const token = LINK.exec(place.hash)?.[1];
  if (token === undefined) return null;
  history.replaceState(null, "", place.pathname);
  return decodeURIComponent(token);
}
