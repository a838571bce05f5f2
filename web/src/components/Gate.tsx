// Stands before every page: finds out who is there, asks for the login, and asks again when it has ended.

import { Suspense, useCallback, useEffect, useRef, useState, type ReactNode } from "react";
import { loginByLink, LoginError, logout, me, takeLinkToken, type User } from "../api/auth.ts";
import { LoginPage } from "./LoginPage.tsx";
import { Splash } from "./Splash.tsx";
import { Trouble } from "./Trouble.tsx";

type State =
  | { state: "checking" }
  | { state: "login"; why?: string }
  | { state: "unreachable" }
  | { state: "open"; user: User };

interface GateProps {
  /** What one logs in for. */
  welcome: string;
  children: (user: User, doors: Doors) => ReactNode;
}

export interface Doors {
  /** The login has ended by itself. */
  expired: () => void;
  leave: () => void;
}

// Taken when the page loads and once: rendering twice must not lose it or use it twice.
const linkToken = takeLinkToken(location, history);
let linkLogin: Promise<void> | null = null;

export function Gate({ welcome, children }: GateProps) {
  const [gate, setGate] = useState<State>({ state: "checking" });
  const known = useRef<User | null>(null);

  const enter = useCallback(async () => {
    try {
      const user = await me();
      known.current = user ?? known.current;
      setGate(user === null ? { state: "login" } : { state: "open", user });
    } catch {
      setGate({ state: "unreachable" });
    }
  }, []);

  const start = useCallback(async () => {
    try {
      if (linkToken !== null) await (linkLogin ??= loginByLink(linkToken));
    } catch (error) {
      // An old link in a browser that is logged in anyway is no reason to ask for a password.
      const user = await me().catch(() => null);
      if (user === null) return setGate({ state: "login", why: (error as LoginError).message });
    }
    await enter();
  }, [enter]);

  useEffect(() => void start(), [start]);

  const expired = useCallback(() => setGate({ state: "login", why: "Your session has ended. Log in again to go on." }), []);
  const leave = useCallback(async () => {
    await logout().catch(() => undefined);
    history.replaceState(null, "", location.pathname);
    setGate({ state: "login" });
  }, []);

  switch (gate.state) {
    case "checking":
      return <Splash />;
    case "unreachable":
      return <Splash retry={() => void enter()} />;
    case "login":
      return <LoginPage why={gate.why ?? welcome} email={known.current?.email ?? ""} entered={() => void enter()} />;
    case "open":
      return (
        <Trouble>
          <Suspense fallback={<Splash />}>{children(gate.user, { expired, leave: () => void leave() })}</Suspense>
        </Trouble>
      );
  }
}
