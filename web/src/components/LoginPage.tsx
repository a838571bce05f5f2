// Email and password. The cookie that comes back is all that this page ever has of the login.

import { useId, useRef, useState, type FormEvent } from "react";
import { login, LoginError } from "../api/auth.ts";
import { Mark } from "./Icon.tsx";

interface LoginProps {
  why: string;
  email: string;
  entered: () => void;
}

export function LoginPage({ why, email, entered }: LoginProps) {
  const [error, setError] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const password = useRef<HTMLInputElement>(null);
  const errorId = useId();

  async function submit(event: FormEvent<HTMLFormElement>): Promise<void> {
    event.preventDefault();
    const fields = new FormData(event.currentTarget);
    setBusy(true);
    setError(null);
    try {
      await login(String(fields.get("email")), String(fields.get("password")));
      entered();
    } catch (failure) {
      setError(failure instanceof LoginError ? failure.message : "The login did not work. Try again.");
      setBusy(false);
      password.current?.select();
    }
  }

  return (
    <main className="login">
      <form className="login-card" onSubmit={(event) => void submit(event)} aria-describedby={errorId}>
        <div className="brand">
          <Mark />
          <span>Netra</span>
        </div>
        <h1>Log in</h1>
        <p className="faint">{why}</p>
        <label>
          Email
          <input
            data-testid="login-email" name="email" type="email" autoComplete="username" required
            defaultValue={email} autoFocus={email === ""} placeholder="you@example.com"
          />
        </label>
        <label>
          Password
          <input
            data-testid="login-password" name="password" type="password" autoComplete="current-password" required
            ref={password} autoFocus={email !== ""}
          />
        </label>
        <p id={errorId} className="form-error" role="alert">
          {error}
        </p>
        <button data-testid="login-submit" type="submit" className="primary wide" disabled={busy}>
          {busy ? "Logging in…" : "Log in"}
        </button>
      </form>
    </main>
  );
}
