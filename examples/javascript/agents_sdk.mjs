// The OpenAI Agents SDK: an agent with a tool, whose session listens, calls it and speaks.
//
//   npm install && node agents_sdk.mjs "What is the weather in Paris?"
import { RealtimeAgent, RealtimeSession, tool } from '@openai/agents-realtime';
import { z } from 'zod';

const url = (process.env.ANTIPHON_URL ?? 'http://127.0.0.1:8000/v1').replace('http', 'ws');

const getWeather = tool({
  name: 'get_weather',
  description: 'Get the current weather for a city',
  parameters: z.object({ city: z.string() }),
  execute: async ({ city }) => {
    console.log(`called: get_weather(${city})`);
    return { city, temperature_c: 18, conditions: 'sunny' };
  },
});
const agent = new RealtimeAgent({ name: 'Assistant', instructions: 'Be brief.', tools: [getWeather] });
const session = new RealtimeSession(agent, { transport: 'websocket' });

let received = 0;
session.on('audio', ({ data }) => {
  received += data.byteLength;
});
session.on('agent_end', (context, ended, text) => {
  if (!text) return; // it called the tool, and speaks once it has the result
  console.log('agent:', text);
  console.log(`${(received / 48_000).toFixed(1)} s of speech received`);
  session.close();
});
session.on('error', ({ error }) => {
  throw error;
});

await session.connect({ apiKey: process.env.ANTIPHON_API_KEY, url: `${url}/realtime?model=gpt-realtime` });
session.sendMessage(process.argv[2]);
