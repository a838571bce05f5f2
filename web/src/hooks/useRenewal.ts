// Keeps the login alive on a page without a socket, which would say when the token is about to end.

import { useEffect } from "react";
import { renew, type User } from "../api/auth.ts";

const SOONEST_MS = 30_000;
const LATEST_MS = 20 * 60_000;

/** Renews at half of what is left of the token, again and again. */
export function useRenewal(user: User): void {
  useEffect(() => {
    const life = Date.parse(user.expires_at) - Date.now();
    const timer = setInterval(() => void renew().catch(() => null), Math.min(LATEST_MS, Math.max(SOONEST_MS, life / 2)));
    return () => clearInterval(timer);
  }, [user]);
}
