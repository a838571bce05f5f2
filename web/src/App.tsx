// Decides between the login and the chat. A session outlives an expired login, so that a message
// not yet confirmed is sent once the same person is back.

import { lazy, Suspense, useCallback, useEffect, useRef, useState } from "react";
import { loginByLink, LoginError, logout, me, takeLinkToken, type User } from "./api/auth.ts";
import { LoginPage } from "./components/LoginPage.tsx";
import { Splash } from "./components/Splash.tsx";
import { Trouble } from "./components/Trouble.tsx";

const Chat = lazy(() => import("./Chat.tsx"));

type Gate =
  | { state: "checking" }
  | { state: "login"; why?: string }
  | { state: "unreachable" }
  | { state: "chat"; user: User };

// Taken when the page loads and once: rendering twice must not lose it or use it twice.
const linkToken = takeLinkToken(location, history);
let linkLogin: Promise<void> | null = null;

export function App() {
  const [gate, setGate] = useState<Gate>({ state: "checking" });
  const known = useRef<User | null>(null);

  const enter = useCallback(async () => {
    try {
      const user = await me();
      known.current = user ?? known.current;
      setGate(user === null ? { state: "login" } : { state: "chat", user });
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
      return <LoginPage why={gate.why} email={known.current?.email ?? ""} entered={() => void enter()} />;
    case "chat":
      return (
        <Trouble>
          <Suspense fallback={<Splash />}>
            <Chat user={gate.user} expired={expired} leave={() => void leave()} />
          </Suspense>
        </Trouble>
      );
  }
}
