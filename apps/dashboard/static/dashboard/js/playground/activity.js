// What is going on, in words for people.
const CONNECTION = {
  closed: "Not connected",
  connecting: "Connecting…",
  resuming: "The connection broke: going on in a moment…",
};
const OPEN = {
  user: "You are speaking",
  thinking: "The agent is thinking",
  agent: "The agent is speaking",
  listening: "Listening",
  muted: "Your microphone is muted",
  waiting: "Connected: hold the button, or type",
  typing: "Connected: type, or press Talk",
};

/** Who acts: user, thinking, agent, or what the page waits in: listening, muted, waiting, typing. */
export function activityOf({ speaking, playing, answering, microphone, pushToTalk, held, muted }) {
  if (speaking || held) return "user";
  if (playing) return "agent";
  if (answering) return "thinking";
  if (!microphone) return "typing";
  if (pushToTalk) return "waiting";
  return muted ? "muted" : "listening";
}

export function stateWords(state, activity) {
  return state === "open" ? OPEN[activity] : CONNECTION[state];
}
