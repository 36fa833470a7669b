// `@openai/agents-realtime` over WebSocket: the session keeps a history, runs tools and cuts answers off by itself.
import { RealtimeAgent, RealtimeSession, tool } from '@openai/agents-realtime';
import { on, once } from 'node:events';
import { z } from 'zod';
import { Microphone } from './microphone.mjs';
import { report, weatherIn } from './weather.mjs';

const getWeather = tool({
  name: 'get_weather',
  description: 'Get the current weather for a city',
  parameters: z.object({ city: z.string() }),
  execute: async ({ city }) => {
    report({ called: 'get_weather', arguments: { city } });
    return weatherIn(city);
  },
});
const agent = new RealtimeAgent({ name: 'Assistant', instructions: 'Be brief.', tools: [getWeather] });
const session = new RealtimeSession(agent, { transport: 'websocket' });
session.on('error', ({ error }) => {
  throw error;
});
let audioBytes = 0;
session.on('audio', ({ data }) => {
  audioBytes += data.byteLength;
});
session.on('audio_interrupted', () => report({ interrupted: true }));

const turns = on(session, 'agent_end');

/** Waits for the agent's next turn. That of a call ends without a word. */
async function turn() {
  const [, , text] = (await turns.next()).value;
  if (text) report({ answer: text });
}

function textOf({ content }) {
  return content?.[0]?.text ?? content?.[0]?.transcript ?? '';
}

async function listen(microphone) {
  for await (const chunk of microphone) {
    session.sendAudio(new Uint8Array(chunk).buffer);
  }
}

await session.connect({
  apiKey: process.env.OPENAI_API_KEY,
  url: process.env.OPENAI_BASE_URL.replace('https:', 'wss:') + '/realtime?model=gpt-realtime',
});
const microphone = new Microphone();
listen(microphone);

session.sendMessage('What is twelve times seven?');
await turn();
session.sendMessage('What is the weather in Paris?');
await turn(); // the call
await turn();
microphone.play('SPEECH');
await turn();

session.sendMessage('Count to two hundred.');
await once(session, 'audio_start');
microphone.play('INTERRUPTION');
await turn(); // cut off
await turn();
report({ audio_bytes: audioBytes });
report({ history: session.history.map((item) => ({ id: item.itemId, type: item.type, text: textOf(item) })) });
microphone.turnOff();
session.close();
