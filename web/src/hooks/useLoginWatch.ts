// Keeps the login alive while the page is open, and notices when it has ended. A refused upgrade looks like a broken network to a page,
// so after a failed attempt the server is asked who we are.

import type { NetraClient } from "netra-client";
import { useEffect } from "react";
import { me, renew } from "../api/auth.ts";

export function useLoginWatch(client: NetraClient, expired: () => void): void {
  useEffect(() => {
    let live = true;
    const stop = client.state.subscribe(({ status, reason, retryInMs, attempt }) => {
      if (status === "offline" && reason === "token") expired();
      if (status !== "reconnecting" || retryInMs === undefined || attempt < 2) return;
      me().then(
        (user) => {
          if (user !== null || !live) return;
          client.close();
          expired();
        },
        () => undefined, // not reachable: the connection keeps trying
      );
    });
    const stopRenewing = client.on("tokenExpiring", () => {
      renew().then(
        (token) => token !== null && live && client.renew(token),
        () => undefined, // the server closes with 4401, which leads to the login
      );
    });
    return () => {
      live = false;
      stop();
      stopRenewing();
    };
  }, [client, expired]);
}
