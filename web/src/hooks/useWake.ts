// When the network or the tab comes back there is nothing to wait for.

import type { NetraClient } from "netra-client";
import { useEffect } from "react";

export function useWake(client: NetraClient): void {
  useEffect(() => {
    const wake = () => {
      if (!document.hidden) client.wake();
    };
    window.addEventListener("online", wake);
    document.addEventListener("visibilitychange", wake);
    return () => {
      window.removeEventListener("online", wake);
      document.removeEventListener("visibilitychange", wake);
    };
  }, [client]);
}
