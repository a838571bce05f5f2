// The chat behind its login. A session outlives an expired login, so that a message not yet confirmed
// is sent once the same person is back.

import { lazy } from "react";
import { Gate } from "./components/Gate.tsx";

const Chat = lazy(() => import("./Chat.tsx"));

export function App() {
  return <Gate welcome="Log in to talk to your agents.">{(user, doors) => <Chat user={user} {...doors} />}</Gate>;
}
